-- KEYS: later, its jobs, index of open batches, then those of a batch and of what is around it (batches.lua).
-- ARGV: its id; 'late', 'cancel', or 'lost' and members. Closes a batch whose producer has not said that it is whole
-- though its time is over; forbids that anything more of it is enqueued; or gives up members that are nowhere.
-- Returns whether there was anything to do.
local keys, done = { KEYS[1], KEYS[2] }, 0
for i = 4, #KEYS do keys[#keys + 1] = KEYS[i] end
local hash = keys[FIRST + HASH]
local there = redis.call('EXISTS', hash) == 1
if ARGV[2] == 'late' then
  local until_ = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or 'inf')
  if until_ > now() then return 0 end
  redis.call('ZREM', KEYS[3], ARGV[1])
  if not there then return 0 end
  redis.call('HDEL', hash, 'open')
  redis.call('HSET', hash, 'abandoned', 1)
  end_batch(keys, FIRST)
  return 1
elseif ARGV[2] == 'cancel' then
  if not there or redis.call('HEXISTS', hash, 'succeeded') == 1 then return 0 end
  redis.call('HSET', hash, 'cancelled', 1)
  redis.call('HDEL', hash, 'open')
  redis.call('ZREM', KEYS[3], ARGV[1])
  end_batch(keys, FIRST)
  return 1
end
for i = 3, #ARGV do
  if redis.call('SISMEMBER', keys[FIRST + PENDING], ARGV[i]) == 1 then
    done = done + 1
    end_member(keys, FIRST, ARGV[i], 'lost')
  end
end
return done
