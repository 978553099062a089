-- KEYS: classes, classes of lives that have ended, daemons, workers, resqd's own workers, heartbeats.
-- ARGV: seconds for which the classes of a life that has ended are kept.
-- Returns for each life what it knows and for how many seconds it has been away (-1: it lives), flat; then Ruby's
-- workers with their last heartbeats, and the time in seconds since 1970.
redis.call('HDEL', KEYS[1], '!none')
local now, known, rubies = tonumber(redis.call('TIME')[1]), {}, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local life, away = all[i], -1
  if redis.call('HEXISTS', KEYS[3], life) == 1 then
    redis.call('HDEL', KEYS[2], life)
  else
    redis.call('HSETNX', KEYS[2], life, now)
    away = now - (tonumber(redis.call('HGET', KEYS[2], life)) or 0)
  end
  if away > tonumber(ARGV[1]) then
    redis.call('HDEL', KEYS[1], life)
    redis.call('HDEL', KEYS[2], life)
  else
    known[#known + 1], known[#known + 2] = all[i + 1], away
  end
end
for _, worker in ipairs(redis.call('SDIFF', KEYS[4], KEYS[5])) do
  rubies[#rubies + 1], rubies[#rubies + 2] = worker, redis.call('HGET', KEYS[6], worker) or ''
end
return { known, rubies, now }
