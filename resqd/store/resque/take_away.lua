-- KEYS: a queue's list, then those of debts. ARGV: a payload, and its debts (debts.lua).
-- Deletes all jobs that are these bytes; returns how many.
local deleted = redis.call('LREM', KEYS[1], 0, ARGV[1])
settle(deleted > 0 and 'removed', ARGV, 2)
return deleted
