-- What a job owes at its end: its producer wrote it into the payload, and Python read it there. Whatever ends a job, or
-- takes it away, settles its debts in the same script, once, where the job was really there.
-- As arguments: how many debts, then for each its kind, its member, how many keys it has, and these keys.

-- By kind, a function (keys, member, outcome). The outcome is 'done', 'failed', 'discarded', 'expired', 'removed', or
-- 'begun' for a job that a worker has taken and that has not ended.
local PAYERS = {}

-- The lock of a unique job, where it is still this job's. KEYS: locks. Member: FINGERPRINT TICKET; the lock is
-- fingerprint to SINCE TICKET.
local function unlock(keys, member)
  local fingerprint, ticket = string.match(member, '^(%S+) (.+)$')
  local lock = fingerprint and redis.pcall('HGET', keys[1], fingerprint)
  if type(lock) == 'string' and string.match(lock, '^%d+ (.*)$') == ticket then
    redis.call('HDEL', keys[1], fingerprint)
  end
end

function PAYERS.unique(keys, member, outcome)
  if outcome ~= 'begun' then unlock(keys, member) end
end

-- The same, for a lock that is held until the job begins only.
PAYERS.start = unlock

-- A job of a batch. KEYS: those of the batch and of what is around it (batches.lua). Member: ID BATCH, and the batches
-- around it. A job must end whatever others have made of the batch's keys.
function PAYERS.batch(keys, member, outcome)
  if outcome ~= 'begun' then pcall(end_member, keys, FIRST, string.match(member, '^%S+'), outcome) end
end

-- The same of a workflow, which shows how each has ended.
function PAYERS.node(keys, member, outcome)
  local id = string.match(member, '^%S+')
  if outcome == 'begun' then return end
  local _, ended = pcall(end_member, keys, FIRST, id, outcome)
  if ended == true then redis.pcall('HSET', keys[FIRST + NODES], '!' .. id, outcome) end
end

-- What a job of a workflow returned, for those that take it: told before its end. Member: ID BATCH JSON.
function PAYERS.result(keys, member, outcome)
  local id, result = string.match(member, '^(%S+) %S+ (.*)$')
  if outcome == 'done' then redis.pcall('HSET', keys[1], '=' .. id, result) end
end

-- How the job ended, for whoever waits for that. KEYS: its result. Member: SECONDS ID, and what is to be written where
-- its worker knows more than the outcome. What is removed after its end had ended before.
function PAYERS.kept(keys, member, outcome)
  local seconds, text = string.match(member, '^(%d+) %S+ ?(.*)$')
  if not seconds or outcome == 'begun' then return end
  if text == '' then text = '{"state":"' .. outcome .. '"}' end
  if outcome == 'removed' then
    redis.pcall('SET', keys[1], text, 'EX', seconds, 'NX')
  else
    redis.pcall('SET', keys[1], text, 'EX', seconds)
  end
end

-- What is kept of a task (tasks/begin.lua), which lasts as long as how it ended does. KEYS: its record. Member: SECONDS ID.
function PAYERS.task(keys, member, outcome)
  local seconds = string.match(member, '^(%d+) ')
  if not seconds or outcome == 'begun' or redis.pcall('EXPIRE', keys[1], seconds) ~= 1 then return end
  redis.pcall('HSETNX', keys[1], 'finished', string.format('%d', now()))
  redis.pcall('HDEL', keys[1], 'running')
end

-- Reads the debts that stand at `args[at]`, and settles them where there is an outcome. Returns where they end.
local function settle(outcome, args, at)
  local count = tonumber(args[at])
  at = at + 1
  for _ = 1, count do
    local pay, member, keys = PAYERS[args[at]], args[at + 1], {}
    local last = at + 2 + tonumber(args[at + 2])
    for i = at + 3, last do keys[#keys + 1] = args[i] end
    if outcome and pay then pay(keys, member, outcome) end
    at = last + 1
  end
  return at
end
