-- KEYS: queues. Returns for each how many jobs wait, and the last bytes of the oldest one's payload, where it says
-- when it was enqueued: payloads may be long, and only that is of interest. A key of another type counts as empty.
local found = {}
for i, queue in ipairs(KEYS) do
  local length = redis.pcall('LLEN', queue)
  if type(length) == 'table' then length = 0 end
  found[2 * i - 1] = length
  found[2 * i] = length > 0 and string.sub(redis.call('LINDEX', queue, 0), -160) or ''
end
return found
