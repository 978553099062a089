-- Whole seconds since 1970: what is due, is due at one.
local function now_in_seconds()
  return math.floor(now() / 1000000)
end

-- The version changes with the entries and the tables, and never comes again, also after Redis has lost everything:
-- it is a time in microseconds, or one more than the one before.
local function version(key)
  return redis.call('GET', key) or ''
end

local function renew(key)
  local fresh = string.format('%.0f', math.max((tonumber(version(key)) or 0) + 1, now()))
  redis.call('SET', key, fresh)
  return fresh
end
