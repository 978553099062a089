-- KEYS: entries, runs, queues, the queue's list. ARGV: the entry's name and text that were seen, the queue's name, the
-- payload. Enqueues the job now; its times stay as they are. Returns whether the entry is still that one.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('RPUSH', KEYS[4], ARGV[4])
redis.call('SADD', KEYS[3], ARGV[3])
note_runs(KEYS[2], ARGV[1], { '-' }, now_in_seconds())
return 1
