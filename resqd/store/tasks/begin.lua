-- A try begins of a task that is kept. KEYS: its record, how it has ended. ARGV: who runs it, seconds for which to keep
-- it if it never ends, how many tries to keep. Returns the record, empty where there is none.
-- Fields: task (JSON), started, tried, finished (microseconds since 1970), running, tries (how many), and of the last
-- ones worker:N and error:N.
local record = KEYS[1]
if redis.call('TYPE', record).ok ~= 'hash' then return {} end
local time = string.format('%d', now())
local try = redis.call('HINCRBY', record, 'tries', 1)
redis.call('HSETNX', record, 'started', time)
redis.call('HSET', record, 'tried', time, 'running', 1, 'worker:' .. try, ARGV[1])
local old = try - tonumber(ARGV[3])
redis.call('HDEL', record, 'finished', 'worker:' .. old, 'error:' .. old)
redis.call('DEL', KEYS[2])
redis.call('EXPIRE', record, ARGV[2])
return redis.call('HGETALL', record)
