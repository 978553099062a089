-- KEYS: in-flight hash, index. ARGV: incarnation id, facts, home.
-- Deleting first, even nothing, lets the rest pass at maxmemory; every script here begins so.
redis.call('HDEL', KEYS[2], '!none')
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
-- The facts are longer than a compact hash allows, so the hash is a real one from its first job on.
redis.call('HSET', KEYS[1], '!who', ARGV[2], '!home', ARGV[3])
return redis.call('HSETNX', KEYS[1], '!seq', 0)
