-- KEYS: later, its jobs. ARGV: microseconds from now, id, entry. Puts one job under its id, and returns 1; 0, and nothing
-- is changed, where the id or the moment is taken, or a key is of another type: then put.lua does what can be done. It is as
-- short as can be, since Lua's memory is cold where one job comes at a time.
local due = now() + ARGV[1]
if redis.pcall('ZCOUNT', KEYS[1], due, due) ~= 0 then return 0 end
if redis.pcall('HSETNX', KEYS[2], ARGV[2], ARGV[3]) ~= 1 then return 0 end
redis.call('ZADD', KEYS[1], due, ARGV[2])
return 1
