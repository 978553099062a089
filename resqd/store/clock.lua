-- The moment by this server's clock, in microseconds since 1970; hosts' clocks need not agree. Tests put another
-- function in the place of this file's (tests/support/redis_clock.py): no argument and no key of a script says the time.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
