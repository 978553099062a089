-- KEYS: moving, then the list, or later and its jobs. ARGV: batch, 'queue', 'failed' or 'later', the list's name, how many.
-- Puts what is to go to another shard aside in one step, under names that never come again: BATCH.N to kind, name and
-- what it is. Returns how many.
local moving, batch, kind, name = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
redis.call('HDEL', moving, '!none')
local n = 0
local function aside(text, data)
  n = n + 1
  redis.call('HSET', moving, batch .. '.' .. n, kind .. ' ' .. #text .. ':' .. text .. data)
end
if kind ~= 'later' then
  for _, item in ipairs(redis.call('LPOP', KEYS[2], ARGV[4]) or {}) do aside(name, item) end
  return n
end
local later, jobs = KEYS[2], KEYS[3]
local found = redis.call('ZRANGE', later, 0, ARGV[4] - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  local entry = redis.call('HGET', jobs, found[i])
  redis.call('ZREM', later, found[i])
  if entry then
    redis.call('HDEL', jobs, found[i])
    aside(found[i], string.format('%d', found[i + 1]) .. ' ' .. entry)
  end
end
return n
