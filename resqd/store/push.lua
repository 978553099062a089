-- KEYS: set of queues, queue. ARGV: the queue's name, payloads.
-- SADD comes first: where it is refused nothing has been pushed, and a name without a list does no harm.
redis.call('SADD', KEYS[1], ARGV[1])
return redis.call('RPUSH', KEYS[2], unpack(ARGV, 2))
