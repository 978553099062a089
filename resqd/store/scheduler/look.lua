-- KEYS: lock, schedule. ARGV: the name under which we take the lock ('': we never do), seconds that it holds.
-- Takes the lock where it is free, as Ruby's scheduler does, and keeps it where it is ours.
-- Returns who holds the lock, for how many milliseconds yet, the first moment at which something is due ('' where
-- there is none), and Redis's time in seconds and microseconds; what nobody needs is not asked for: this is idle work.
local own, holder = ARGV[1], redis.call('GET', KEYS[1]) or ''
if own ~= '' then
  redis.call('ZREM', KEYS[2], '!none')  -- a script that begins by freeing passes at maxmemory
  if holder == '' then
    redis.call('SET', KEYS[1], own, 'EX', ARGV[2])
    holder = own
  elseif holder == own then
    redis.call('EXPIRE', KEYS[1], ARGV[2])
  end
end
local expires = holder ~= '' and redis.call('PTTL', KEYS[1]) or -2
local first = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
if not first then return { holder, expires, '', 0, 0 } end
local now = redis.call('TIME')
return { holder, expires, first, now[1], now[2] }
