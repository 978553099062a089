-- KEYS: in-flight hash, index, queues, suspects, failed_queues, a counter of failed jobs, later, its jobs, attempts,
-- counters of retried jobs, of those that timed out and of processed ones, then queues' lists, lists for records, the
-- keys of debts, and holders of slots.
-- ARGV: incarnation id, prefix of queues' keys, what the other jobs get ('forgive' or ''), then for each verdict:
-- token, kind, record, member of failed_queues or '', the key of what is kept of its tries or '', whether it timed out
-- ('1' or ''), number of lists, lists, and its debts, which 'convict' and 'done' settle (debts.lua).
-- Kinds: 'charge' and 'forgive' (to its queue), 'suspect' (charged) and 'isolate' (forgiven), 'convict', 'done', and 'later': its
-- try in place of a record, a delay in microseconds in place of a member, its ticket and an id to splice for lists.
-- Every other job goes back uncharged to where it came from, but for those that have failed (records.lua). Absence of
-- the hash is the fence and the proof that the jobs have moved; a job that no list takes keeps both the hash and its
-- index entry for the next try, and there its verdict, which nobody will give again.
-- Returns the lists that are missing among KEYS, or how many were requeued, suspected, convicted, kept, how many of
-- those that had failed before were recorded, what refused the last record, how many are later, and how many were done.
local key = KEYS[1]

local function read_verdicts()
  local verdicts, at = {}, 4
  while at <= #ARGV do
    local lists = {}
    for i = 1, tonumber(ARGV[at + 6]) do lists[i] = ARGV[at + 6 + i] end
    verdicts[ARGV[at]] = {
      kind = ARGV[at + 1], record = ARGV[at + 2], member = ARGV[at + 3], id = ARGV[at + 4], late = ARGV[at + 5],
      lists = lists, debts = at + 7 + #lists,
    }
    at = settle(nil, ARGV, at + 7 + #lists)
  end
  return verdicts
end

local verdicts, home = read_verdicts(), redis.call('HGET', key, '!home')
local items, unreadable = read_items(key)

local function goes_to_queue(kind)
  return kind == 'charge' or kind == 'forgive' or not kind and home ~= 'suspects'
end

local wanted = {}
for _, item in ipairs(items) do
  local verdict = verdicts[item.field]
  if item.record then
    want_lists(wanted, item.record)
  elseif verdict and verdict.kind == 'convict' then
    for _, list in ipairs(verdict.lists) do wanted[#wanted + 1] = list end
  elseif goes_to_queue(verdict and verdict.kind) then
    wanted[#wanted + 1] = ARGV[2] .. item.queue
  end
end
local slots = all_slots(wanted, key)
local unnamed = missing(wanted)
if unnamed then return unnamed end
free_slots(key, slots)
local first_time = redis.call('HDEL', key, '!seq') == 1 -- or the same charge, whose answer was lost, came twice

local back, returned, kept, suspected, convicted, recorded, trouble = {}, {}, {}, 0, 0, 0, ''
local postponed, late, ended = 0, 0, 0

local function keep(item)
  kept[item.field] = true
  if item.counted then redis.call('HSET', key, item.field, join(item.queue, item.payload)) end
end

local function count_once(item, dearer)
  if first_time then item.payload, item.counted = dearer(item.payload), true end
end

local function postpone(item, verdict)
  local refusal = later_refusal(KEYS[7], KEYS[8])
  if refusal then return refusal end
  local payload = add_attempt(item.payload, 1, verdict.lists[2]) or item.payload
  put_later(KEYS[7], KEYS[8], verdict.lists[1], now() + tonumber(verdict.member), item.queue, payload)
  if verdict.id ~= '' then remember(KEYS[9], verdict.id, verdict.record) end
  postponed, late = postponed + 1, late + 1
  return nil
end

for _, item in ipairs(items) do
  local verdict, refusal = verdicts[item.field], nil
  local kind = verdict and verdict.kind
  local dearer = (kind == 'charge' or kind == 'suspect') and charge
    or (kind == 'forgive' or kind == 'isolate' or not kind and ARGV[3] == 'forgive') and forgive
  if dearer and not item.record then count_once(item, dearer) end
  if item.record then
    refusal = keep_joined(item.record, KEYS[5])
    if not refusal then recorded = recorded + 1 end
  elseif kind == 'convict' then
    local record = with_attempts(verdict.record, KEYS[9], verdict.id)
    refusal = keep_record(record, verdict.member, verdict.lists, KEYS[5])
    convicted = convicted + 1
    if verdict.late ~= '' then late = late + 1 end
    if refusal then
      redis.call('HSET', key, '!' .. item.field, join_record(record, verdict.member, verdict.lists))
    end
    forget_attempts(KEYS[9], verdict.id)
    settle('failed', ARGV, verdict.debts)
  elseif kind == 'done' then
    ended = ended + 1
    forget_attempts(KEYS[9], verdict.id)
    settle('done', ARGV, verdict.debts)
  elseif kind == 'later' then
    refusal = postpone(item, verdict)
  elseif kind == 'suspect' or kind == 'isolate' then
    if refused(redis.pcall('RPUSH', KEYS[4], join(item.queue, item.payload))) then
      keep(item)
    else
      suspected = suspected + 1
    end
  elseif goes_to_queue(kind) then
    back[#back + 1] = item
  else
    returned[#returned + 1] = item
  end
  if refusal then
    keep(item)
    trouble = refusal
  end
end
local to_queues, queues_kept = requeue(back, ARGV[2], KEYS[3])
local to_suspects, suspects_kept = requeue_suspects(returned, KEYS[4])
for _, item in ipairs(queues_kept) do keep(item) end
for _, item in ipairs(suspects_kept) do keep(item) end
count(KEYS[6], convicted)
count(KEYS[10], postponed)
count(KEYS[11], late)
count(KEYS[12], ended)

local left = unreadable
for _ in pairs(kept) do left = left + 1 end
if left == 0 then
  redis.call('DEL', key)
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  delete(key, fields_of_gone(items, kept))
end
return { to_queues + to_suspects, suspected, convicted, left, recorded, trouble, postponed, ended }
