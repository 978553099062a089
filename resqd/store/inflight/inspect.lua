-- KEYS: in-flight hash. ARGV: tokens that are asked for, how many bytes of each payload to return at the most, and ''
-- or how many losses decide a job's fate: then also all whose next loss may, and all of an incarnation on probation.
-- Returns where its jobs came from, the queues of all its jobs if these were looked at, then for each job that is told
-- its field, the length of its entry, and the entry's beginning: without how far it had come, which no record needs.
local key, most = KEYS[1], tonumber(ARGV[2])
local home, asked = redis.call('HGET', key, '!home'), expand(ARGV[1])
local queues, named_queues = {}, {}
local found = { home or '', queues }

local function add(field, entry)
  local queue, payload = split(entry)
  if not queue then return end
  local shown, n = join(queue, without_cursor(payload)), #found
  found[n + 1], found[n + 2] = field, #shown
  found[n + 3] = string.sub(shown, 1, #join(queue, '') + most)
end

if ARGV[3] == '' then
  for _, field in ipairs(asked) do
    local entry = redis.call('HGET', key, field)
    if entry then add(field, entry) end
  end
  return found
end

local limit, named = tonumber(ARGV[3]), {}
for _, field in ipairs(asked) do named[field] = true end
for _, item in ipairs((read_items(key))) do
  if not named_queues[item.queue] then
    queues[#queues + 1], named_queues[item.queue] = item.queue, true
  end
  local first, _, deliveries, recoveries = read_counts(item.payload)
  local near = not first or recoveries + 1 >= limit or deliveries + recoveries + 1 >= 2 * limit
  local asked_for = near or named[item.field] or home == 'suspects'
  if asked_for and not item.record then add(item.field, join(item.queue, item.payload)) end
end
return found
