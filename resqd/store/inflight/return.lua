-- KEYS: in-flight hash, queues, suspects, then queues' lists and holders of slots. ARGV: tokens in order, prefix of queues' keys.
-- Returns how many went back to where they came from, or the lists that are missing among KEYS. What its queue refuses
-- stays in flight.
local key = KEYS[1]
if fenced(key) then return redis.error_reply(FENCED) end
local fields, items, found, wanted = expand(ARGV[1]), {}, {}, {}
local home = redis.call('HGET', key, '!home')
for i = 1, #fields, 500 do
  local last = math.min(i + 499, #fields)
  for j, entry in ipairs(redis.call('HMGET', key, unpack(fields, i, last))) do
    local field, queue, payload = fields[i + j - 1], nil, nil
    if entry then queue, payload = split(entry) end
    if queue then
      found[#found + 1] = field
      if home ~= 'suspects' then wanted[#wanted + 1] = ARGV[2] .. queue end
      items[#items + 1] = { field = field, entry = entry, queue = queue, payload = payload }
    end
  end
end
local slots = want_slots(wanted, key, found)
local unnamed = missing(wanted)
if unnamed then return unnamed end
free_slots(key, slots)
local moved, kept
delete(key, found)
if home == 'suspects' then
  moved, kept = requeue_suspects(items, KEYS[3])
else
  moved, kept = requeue(items, ARGV[2], KEYS[2])
end
for _, item in ipairs(kept) do redis.call('HSET', key, item.field, item.entry) end
return moved
