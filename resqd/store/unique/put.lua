-- KEYS: locks, windows, later, its jobs, attempts, queues, the queue's list, then those of the debts of a job that is
-- replaced. ARGV: 'push', 'front', 'in' or 'at'; microseconds from now or since 1970, for the last two; queue; 'skip',
-- 'raise' or 'replace'; length of the window or 0; how long a lock holds; then SHA-1 of the entry that the first job
-- replaces, or '', and its debts (debts.lua); then fingerprint, ticket and payload of each job.
-- Takes each job's lock and puts the job, in one step. Goes on until a conflict that is to be raised, or until a job is
-- found that is to be replaced, whose debts must be read first.
-- Returns for each job 0, or the ticket of the one that has the lock ('' in a window); then {} or, of the entry that is to
-- be replaced, its beginning and SHA-1.
local locks, windows, later, jobs = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local how, micros, queue, on_conflict = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local window, max_hold, expected = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local moment, delayed = now(), how == 'in' or how == 'at'
local due = how == 'in' and moment + micros or how == 'at' and micros or moment
local kind = redis.call('TYPE', KEYS[7]).ok
local refusal = locks_refusal(locks, windows) or later_refusal(later, jobs)
  or not delayed and kind ~= 'none' and kind ~= 'list' and KEYS[7] .. ': WRONGTYPE'
if refusal then return redis.error_reply('WRONGTYPE ' .. refusal) end

local results, pushed, pending = {}, {}, {}
local debts_at, at = 8, settle(nil, ARGV, 8)

-- The ticket of a job that stands in the way; nil where the lock is ours now. 'replaceable' as a second value.
local function holder(fingerprint)
  local since, ticket = read_lock(locks, fingerprint)
  if not since then return nil end
  if redis.call('HEXISTS', jobs, ticket) == 1 then return ticket, true end
  if moment - since < max_hold then return ticket, false end
  return nil
end

while at <= #ARGV do
  local fingerprint, ticket, payload = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local held, replaceable
  if window > 0 then
    if not open_window(windows, fingerprint, moment, window) then held = '' end
  else
    held, replaceable = holder(fingerprint)
  end
  if held and replaceable and on_conflict == 'replace' then
    local entry = redis.call('HGET', jobs, held)
    local digest = redis.sha1hex(entry)
    if digest ~= expected then
      pending = { string.sub(entry, 1, 100000), digest }
      break
    end
    take_later(later, jobs, held)
    redis.pcall('HDEL', KEYS[5], held)
    settle('removed', ARGV, debts_at)
    held = nil
  end
  expected = ''
  results[#results + 1] = held or 0
  if not held then
    if window == 0 then write_lock(locks, fingerprint, math.max(moment, due), ticket) end
    if delayed then
      put_later(later, jobs, ticket, due, queue, payload)
    else
      pushed[#pushed + 1] = payload
    end
  elseif on_conflict == 'raise' then
    break
  end
  at = at + 3
end
if how == 'front' then
  push_front(KEYS[7], pushed)
else
  for from = 1, #pushed, 500 do redis.call('RPUSH', KEYS[7], unpack(pushed, from, math.min(from + 499, #pushed))) end
end
if #pushed > 0 then redis.call('SADD', KEYS[6], queue) end
return { results, pending }
