-- KEYS: entries, next times, runs, paused, tables, tables' texts, version, lives of daemons.
-- Returns everything of one moment, and at the end those lives with a table that have a heartbeat.
local living = {}
for _, life in ipairs(redis.call('HKEYS', KEYS[5])) do
  if redis.call('HEXISTS', KEYS[8], life) == 1 then living[#living + 1] = life end
end
return {
  now_in_seconds(),
  version(KEYS[7]),
  redis.call('HGETALL', KEYS[1]),
  redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES'),
  redis.call('HGETALL', KEYS[3]),
  redis.call('HGETALL', KEYS[4]),
  redis.call('HGETALL', KEYS[5]),
  redis.call('HGETALL', KEYS[6]),
  living,
}
