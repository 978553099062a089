-- KEYS: in-flight hash, index, queues, suspects, failed_queues, then counters of failed jobs.
-- ARGV: incarnation id, prefix of queues' keys, then for each verdict: token, kind, record, member of
-- failed_queues or '', number of lists, lists. Kinds: 'charge', 'suspect', 'convict'.
-- Every other job goes back uncharged to where it came from. Absence of the hash is the fence and the proof
-- that the jobs have moved; a job that no list takes keeps both the hash and its index entry for the next try.
-- Returns how many were requeued, suspected, convicted, kept.
local key = KEYS[1]

local function read_verdicts()
  local verdicts, at = {}, 3
  while at <= #ARGV do
    local lists = tonumber(ARGV[at + 4])
    verdicts[ARGV[at]] = {
      kind = ARGV[at + 1], record = ARGV[at + 2], member = ARGV[at + 3], from = at + 5, lists = lists,
    }
    at = at + 5 + lists
  end
  return verdicts
end

-- Whether a list took the record of a convicted job.
local function convict(verdict)
  local taken = verdict.lists == 0
  for i = verdict.from, verdict.from + verdict.lists - 1 do
    if not refused(redis.pcall('RPUSH', ARGV[i], verdict.record)) then taken = true end
  end
  if taken and verdict.member ~= '' then redis.pcall('SADD', KEYS[5], verdict.member) end
  return taken
end

local verdicts, home = read_verdicts(), redis.call('HGET', key, '!home')
local items, unreadable = read_items(key)
redis.call('HDEL', key, '!seq')

local back, returned, kept, suspected, convicted = {}, {}, {}, 0, 0
for _, item in ipairs(items) do
  local verdict = verdicts[item.field]
  local kind = verdict and verdict.kind
  if kind == 'convict' then
    if convict(verdict) then convicted = convicted + 1 else kept[item.field] = true end
  elseif kind == 'suspect' then
    item.payload = charge(item.payload)
    if refused(redis.pcall('RPUSH', KEYS[4], join(item.queue, item.payload))) then
      kept[item.field] = true
    else
      suspected = suspected + 1
    end
  else
    if kind == 'charge' then item.payload = charge(item.payload) end
    if home == 'suspects' and not kind then returned[#returned + 1] = item else back[#back + 1] = item end
  end
end
local to_queues, queues_kept = requeue(back, ARGV[2], KEYS[3])
local to_suspects, suspects_kept = requeue_suspects(returned, KEYS[4])
for _, item in ipairs(queues_kept) do kept[item.field] = true end
for _, item in ipairs(suspects_kept) do kept[item.field] = true end
for i = 6, #KEYS do count(KEYS[i], convicted) end

local moved = {}
for _, item in ipairs(items) do
  if not kept[item.field] then moved[#moved + 1] = item.field end
end
local left = #items - #moved + unreadable
if left == 0 then
  redis.call('DEL', key)
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  delete(key, moved)
end
return { to_queues + to_suspects, suspected, convicted, left }
