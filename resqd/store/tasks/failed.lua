-- A try of a task has failed; another one may come. KEYS: its record. ARGV: the error, as JSON.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return 0 end
local try = redis.call('HGET', KEYS[1], 'tries')
if not try then return 0 end
redis.call('HDEL', KEYS[1], 'running')
return redis.call('HSET', KEYS[1], 'error:' .. try, ARGV[1])
