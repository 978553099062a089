-- KEYS: tables, tables' texts, version. ARGV: life, application, release, digest, text.
-- A table is STARTED DIGEST RELEASE; APPLICATION. The same one again keeps its start: only the process is new.
-- Returns whether anything is new.
local facts = ARGV[4] .. ' ' .. ARGV[3] .. ';' .. ARGV[2]
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before and string.match(before, '^%d+ (.*)$') == facts and redis.call('HEXISTS', KEYS[2], ARGV[4]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now()) .. facts)
redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
renew(KEYS[3])
return 1
