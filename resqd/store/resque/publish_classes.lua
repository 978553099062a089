-- KEYS: classes, classes of lives that have ended, daemons. ARGV: own life, its daemon with ':', its facts.
-- What an earlier life of the same daemon knew is of no use any more.
-- Returns whether it is news.
redis.call('HDEL', KEYS[1], '!none')
for _, life in ipairs(redis.call('HKEYS', KEYS[1])) do
  local same = string.sub(life, 1, #ARGV[2]) == ARGV[2] and not string.find(life, ':', #ARGV[2] + 1, true)
  if same and life ~= ARGV[1] and redis.call('HEXISTS', KEYS[3], life) == 0 then
    redis.call('HDEL', KEYS[1], life)
    redis.call('HDEL', KEYS[2], life)
  end
end
redis.call('HDEL', KEYS[2], ARGV[1])
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
