-- KEYS: daemons, index, suspects. ARGV: daemon. Returns 1 when the daemon had no job left, and is gone.
if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
