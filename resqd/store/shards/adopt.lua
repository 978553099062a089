-- KEYS: what came from one incarnation, queues, then lists. ARGV: of each job token, queue, key of its list, payload.
-- Takes jobs of another shard to this one, the home shard, each once: its token there is noted in the same step. Nothing
-- is taken once recovery has asked what came. Returns how many were taken.
local came, taken = KEYS[1], 0
redis.call('HDEL', came, '!none')
if redis.call('HEXISTS', came, '!closed') == 1 then
  return redis.error_reply('FENCED recovery took the jobs of this incarnation')
end
for i = 1, #ARGV, 4 do
  if redis.call('HSETNX', came, ARGV[i], 1) == 1 then
    redis.call('RPUSH', ARGV[i + 2], ARGV[i + 3])
    redis.call('SADD', KEYS[2], ARGV[i + 1])
    taken = taken + 1
  end
end
redis.call('EXPIRE', came, 604800)
return taken
