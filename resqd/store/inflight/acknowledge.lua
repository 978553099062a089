-- KEYS: in-flight hash, two stats of processed jobs, then holders of slots (slots.lua).
-- ARGV: tokens, and '1' where some of these jobs hold slots.
-- Returns how many jobs were really there: a repeated call counts nothing.
if fenced(KEYS[1]) then return redis.error_reply(FENCED) end
local fields = expand(ARGV[1])
if ARGV[2] == '1' then
  local wanted = {}
  local slots = want_slots(wanted, KEYS[1], fields)
  local unnamed = missing(wanted)
  if unnamed then return unnamed end
  free_slots(KEYS[1], slots)
end
local deleted = delete(KEYS[1], fields)
for i = 2, 3 do count(KEYS[i], deleted) end
return deleted
