-- KEYS: in-flight hash, two stats of processed jobs, and where some of these jobs hold slots the gates where jobs wait and
-- holders of slots (slots.lua). ARGV: tokens, and then, in that case, the prefix of holders' sets.
-- Returns how many jobs were really there, since a repeated call counts nothing; and after that, where there were slots,
-- the names of those gates that are free now and have waiters.
if fenced(KEYS[1]) then return redis.error_reply(FENCED) end
local fields = expand(ARGV[1])
local waiters = {}
if ARGV[2] then
  local wanted = {}
  local slots = want_slots(wanted, KEYS[1], fields)
  local unnamed = missing(wanted)
  if unnamed then return unnamed end
  free_slots(KEYS[1], slots)
  waiters = awaited(slots, ARGV[2], KEYS[4])
end
local deleted = delete(KEYS[1], fields)
for i = 2, 3 do count(KEYS[i], deleted) end
if not ARGV[2] then return deleted end
return { deleted, unpack(waiters) }
