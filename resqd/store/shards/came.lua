-- KEYS: what came from one incarnation. Lets nothing more come, and returns the tokens of what did.
redis.call('HDEL', KEYS[1], '!none')
redis.call('HSET', KEYS[1], '!closed', 1)
redis.call('EXPIRE', KEYS[1], 604800)
return redis.call('HKEYS', KEYS[1])
