-- KEYS: locks, windows. ARGV: fingerprint and what its lock was, or '' for whatever it is, in turns.
-- Returns how many locks and windows are gone.
local gone = 0
for i = 1, #ARGV, 2 do
  local lock = redis.call('HGET', KEYS[1], ARGV[i])
  if lock and (ARGV[i + 1] == '' or lock == ARGV[i + 1]) then gone = gone + redis.call('HDEL', KEYS[1], ARGV[i]) end
  if ARGV[i + 1] == '' then gone = gone + redis.call('ZREM', KEYS[2], ARGV[i]) end
end
return gone
