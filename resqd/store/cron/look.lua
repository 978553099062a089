-- KEYS: next times, version. ARGV: how many entries to name.
-- Returns the time (microseconds since 1970), the version, and the entries that are due first with their times.
return { now(), version(KEYS[2]), redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES') }
