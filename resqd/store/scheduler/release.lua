-- KEYS: lock. ARGV: our name. Lets go of the lock where it is ours; whether it was.
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0
