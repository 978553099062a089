-- KEYS: in-flight hash, index, queues, suspects, then counters of processed jobs.
-- ARGV: incarnation id, prefix of queues' keys, tokens of jobs that have succeeded.
-- The end of an incarnation by its owner: counts what has succeeded, puts all else back uncharged to where it
-- came from, and removes every trace. What no list takes keeps the hash, fenced, and its index entry for recovery.
-- Returns how many succeeded, and how many went back.
local key = KEYS[1]
if fenced(key) then
  if ARGV[3] ~= '' then return redis.error_reply(FENCED) end
  return { 0, 0 }
end
local done = delete(key, expand(ARGV[3]))
local home = redis.call('HGET', key, '!home')
redis.call('HDEL', key, '!seq')
for i = 5, #KEYS do count(KEYS[i], done) end

local items, unreadable = read_items(key)
local moved, kept
if home == 'suspects' then
  moved, kept = requeue_suspects(items, KEYS[4])
else
  moved, kept = requeue(items, ARGV[2], KEYS[3])
end
if #kept + unreadable == 0 then
  redis.call('DEL', key)
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  local stays, gone = {}, {}
  for _, item in ipairs(kept) do stays[item.field] = true end
  for _, item in ipairs(items) do
    if not stays[item.field] then gone[#gone + 1] = item.field end
  end
  delete(key, gone)
end
return { done, moved }
