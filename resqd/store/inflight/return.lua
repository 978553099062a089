-- KEYS: in-flight hash, queues, suspects. ARGV: tokens in order, those of them that had begun, prefix of queues'
-- keys, how many recoveries decide a job's fate.
-- Returns how many went back to where they came from. What its queue refuses stays in flight. So does what had
-- begun where a verdict is due: on probation, or when it was given up too often. Recovery finds it there.
local key = KEYS[1]
if fenced(key) then return redis.error_reply(FENCED) end
local fields, begun, items, found = expand(ARGV[1]), {}, {}, {}
for _, field in ipairs(expand(ARGV[2])) do begun[field] = true end
local home, limit = redis.call('HGET', key, '!home'), tonumber(ARGV[4])

local function is_due(payload)
  local first, _, _, recoveries = read_counts(payload)
  return home == 'suspects' or not first or recoveries + 1 >= limit
end

for i = 1, #fields, 500 do
  local last = math.min(i + 499, #fields)
  for j, entry in ipairs(redis.call('HMGET', key, unpack(fields, i, last))) do
    local field = fields[i + j - 1]
    local queue, payload
    if entry then queue, payload = split(entry) end
    if queue and not (begun[field] and is_due(payload)) then
      if begun[field] then payload = forgive(payload) end
      found[#found + 1] = field
      items[#items + 1] = { field = field, entry = entry, queue = queue, payload = payload }
    end
  end
end
local moved, kept
delete(key, found)
if home == 'suspects' then
  moved, kept = requeue_suspects(items, KEYS[3])
else
  moved, kept = requeue(items, ARGV[3], KEYS[2])
end
for _, item in ipairs(kept) do redis.call('HSET', key, item.field, item.entry) end
return moved
