-- KEYS: suspects, queues, then queues' lists. ARGV: prefix of queues' keys.
-- Puts a daemon's suspects back to the fronts of their queues, in order. Returns how many, or the lists that are missing
-- among KEYS.
local items, unmoved, wanted = {}, {}, {}
for _, entry in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local queue, payload = split(entry)
  if queue then
    wanted[#wanted + 1] = ARGV[1] .. queue
    items[#items + 1] = { queue = queue, payload = payload, entry = entry }
  else
    unmoved[#unmoved + 1] = entry
  end
end
local unnamed = missing(wanted)
if unnamed then return unnamed end
redis.call('DEL', KEYS[1])
local moved, kept = requeue(items, ARGV[1], KEYS[2])
for _, item in ipairs(kept) do unmoved[#unmoved + 1] = item.entry end
push_front(KEYS[1], unmoved)
return moved
