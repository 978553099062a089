-- KEYS: in-flight hash, index, daemons. ARGV: incarnation id, facts, home, life of the daemon.
-- Returns the server's time.
-- Deleting first, even nothing, lets the rest pass at maxmemory; every script here begins so.
redis.call('HDEL', KEYS[2], '!none')
-- Others find the index by the list of daemons, so it must be there before the first heartbeat.
redis.call('HSETNX', KEYS[3], ARGV[4], 0)
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
-- The facts are longer than a compact hash allows, so the hash is a real one from its first job on.
redis.call('HSET', KEYS[1], '!who', ARGV[2], '!home', ARGV[3])
redis.call('HSETNX', KEYS[1], '!seq', 0)
return redis.call('TIME')
