-- KEYS: in-flight hash, stats of processed jobs. ARGV: tokens.
-- Returns how many jobs were really there: a repeated call counts nothing.
if fenced(KEYS[1]) then return redis.error_reply(FENCED) end
local deleted = delete(KEYS[1], expand(ARGV[1]))
for i = 2, #KEYS do count(KEYS[i], deleted) end
return deleted
