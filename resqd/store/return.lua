-- KEYS: in-flight hash, queues, suspects. ARGV: tokens in order, those of them to charge, prefix of queues' keys.
-- Returns how many went back to where they came from. What its queue refuses stays in flight.
local key = KEYS[1]
if fenced(key) then return redis.error_reply(FENCED) end
local fields, charged, items, found = expand(ARGV[1]), {}, {}, {}
for _, field in ipairs(expand(ARGV[2])) do charged[field] = true end
for i = 1, #fields, 500 do
  local last = math.min(i + 499, #fields)
  for j, entry in ipairs(redis.call('HMGET', key, unpack(fields, i, last))) do
    local field = fields[i + j - 1]
    local queue, payload
    if entry then queue, payload = split(entry) end
    if queue then
      if charged[field] then payload = charge(payload) end
      found[#found + 1] = field
      items[#items + 1] = { field = field, entry = entry, queue = queue, payload = payload }
    end
  end
end
local home, moved, kept = redis.call('HGET', key, '!home')
delete(key, found)
if home == 'suspects' then
  moved, kept = requeue_suspects(items, KEYS[3])
else
  moved, kept = requeue(items, ARGV[3], KEYS[2])
end
for _, item in ipairs(kept) do redis.call('HSET', key, item.field, item.entry) end
return moved
