-- KEYS: suspects. ARGV: queues. Returns how many suspects there are, and how many of each of the queues.
local total, counts = redis.call('LLEN', KEYS[1]), {}
for i = 1, #ARGV do counts[ARGV[i]] = 0 end
for from = 0, #ARGV > 0 and total - 1 or -1, 100 do
  for _, entry in ipairs(redis.call('LRANGE', KEYS[1], from, from + 99)) do
    local queue = split(entry)
    if counts[queue] then counts[queue] = counts[queue] + 1 end
  end
end
local found = { total }
for i = 1, #ARGV do found[i + 1] = counts[ARGV[i]] end
return found
