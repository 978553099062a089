-- KEYS: in-flight hash, index, queues, suspects, failed_queues, two counters of processed jobs, then queues' lists,
-- lists for records, and holders of slots.
-- ARGV: incarnation id, prefix of queues' keys, tokens of jobs that have succeeded.
-- The end of an incarnation by its owner: counts what has succeeded, puts all else back uncharged to where it
-- came from, and removes every trace. What no list takes keeps the hash, fenced, and its index entry for recovery:
-- failed jobs, too, whose records are refused, since they would run again out of a queue.
-- Returns how many succeeded, and how many went back; or the lists that are missing among KEYS.
local key = KEYS[1]
if fenced(key) then
  if ARGV[3] ~= '' then return redis.error_reply(FENCED) end
  return { 0, 0 }
end
local succeeded, ended = expand(ARGV[3]), {}
for _, field in ipairs(succeeded) do ended[field] = true end
local home = redis.call('HGET', key, '!home')
local everything, unreadable = read_items(key)
local items, wanted = {}, {}
for _, item in ipairs(everything) do
  if not ended[item.field] then
    items[#items + 1] = item
    if item.record then
      want_lists(wanted, item.record)
    elseif home ~= 'suspects' then
      wanted[#wanted + 1] = ARGV[2] .. item.queue
    end
  end
end
local slots = all_slots(wanted, key)
local unnamed = missing(wanted)
if unnamed then return unnamed end
free_slots(key, slots)

local done = delete(key, succeeded)
redis.call('HDEL', key, '!seq')
for i = 6, 7 do count(KEYS[i], done) end
local back, stays, moved, kept, left = {}, {}, nil, nil, unreadable
for _, item in ipairs(items) do
  if not item.record then
    back[#back + 1] = item
  elseif keep_joined(item.record, KEYS[5]) then
    stays[item.field], left = true, left + 1
  end
end
if home == 'suspects' then
  moved, kept = requeue_suspects(back, KEYS[4])
else
  moved, kept = requeue(back, ARGV[2], KEYS[3])
end
for _, item in ipairs(kept) do stays[item.field] = true end
left = left + #kept
if left == 0 then
  redis.call('DEL', key)
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  delete(key, fields_of_gone(items, stays))
end
return { done, moved }
