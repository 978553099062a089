-- KEYS: lock, daemons. ARGV: who claims it, seconds. Whether it is his now. At maxmemory a plain SET is refused, and the
-- keeper would come to none of its other duties; deleting first, even nothing, lets the rest pass.
redis.call('HDEL', KEYS[2], '!none')
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) and 1 or 0
