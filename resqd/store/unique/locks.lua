-- Locks of unique jobs: a hash of fingerprint to SINCE TICKET, the microsecond since which the job waits to run, and whose
-- lock it is; and a sorted set of fingerprints that must not come again, by the microsecond until which.

local function read_lock(locks, fingerprint)
  local lock = redis.call('HGET', locks, fingerprint)
  if not lock then return nil end
  local since, ticket = string.match(lock, '^(%d+) (.*)$')
  return tonumber(since), ticket
end

local function write_lock(locks, fingerprint, since, ticket)
  redis.call('HSET', locks, fingerprint, string.format('%d %s', since, ticket))
end

-- Whether the window of a fingerprint is free; then it begins. Some that are over go each time.
local function open_window(windows, fingerprint, moment, length)
  local ends = redis.call('ZSCORE', windows, fingerprint)
  if ends and tonumber(ends) > moment then return false end
  for _, each in ipairs(redis.call('ZRANGE', windows, '-inf', string.format('%d', moment), 'BYSCORE', 'LIMIT', 0, 20)) do
    redis.call('ZREM', windows, each)
  end
  redis.call('ZADD', windows, string.format('%d', moment + length), fingerprint)
  return true
end

-- Why the keys cannot be used, before anything has changed; nil where they can.
local function locks_refusal(locks, windows)
  for key, wanted in pairs({ [locks] = 'hash', [windows] = 'zset' }) do
    local kind = redis.call('TYPE', key).ok
    if kind ~= 'none' and kind ~= wanted then return key .. ': WRONGTYPE' end
  end
  return nil
end
