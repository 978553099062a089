-- KEYS: parked, then the four of each gate (gates.lua). ARGV: prefix of gates' keys, tickets.
-- Takes parked jobs away. Returns the tickets of those that were there; or the keys that are missing among KEYS.
local values, wanted, cancelled = {}, {}, {}
for i = 2, #ARGV do
  local value = redis.call('HGET', KEYS[1], ARGV[i])
  if value then
    values[ARGV[i]] = read_list(value)
    for _, name in ipairs(values[ARGV[i]]) do wanted[#wanted + 1] = gate_keys(ARGV[1], name)[2] end
  end
end
local unnamed = missing(wanted)
if unnamed then return unnamed end
for i = 2, #ARGV do
  if values[ARGV[i]] and redis.call('HDEL', KEYS[1], ARGV[i]) == 1 then
    for _, name in ipairs(values[ARGV[i]]) do redis.call('ZREM', gate_keys(ARGV[1], name)[2], ARGV[i]) end
    cancelled[#cancelled + 1] = ARGV[i]
  end
end
return cancelled
