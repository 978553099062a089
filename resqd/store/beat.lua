-- KEYS: daemons. ARGV: daemon. Returns the daemon's counter, one higher than before.
redis.call('HDEL', KEYS[1], '!none')
return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
