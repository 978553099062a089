-- KEYS: a queue's list, then those of debts. ARGV: position where a payload was seen, SHA-1 of it, how far towards the
-- head to look, then its debts (debts.lua), if they are known.
-- Workers pop at the head, so it can have moved towards it only.
-- Returns 1 where it was found and deleted; else, where it may owe something, its beginning.
local at, was, reach = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local from = math.max(0, at - reach)
local items = redis.call('LRANGE', KEYS[1], from, at)
for i = #items, 1, -1 do
  if redis.sha1hex(items[i]) == was then
    if not ARGV[4] and string.sub(items[i], 1, 9) ~= '{"class":' then return string.sub(items[i], 1, 100000) end
    redis.call('LSET', KEYS[1], from + i - 1, '')
    if ARGV[4] then settle('removed', ARGV, 4) end
    return redis.call('LREM', KEYS[1], 1, '')
  end
end
return 0
