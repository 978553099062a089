-- KEYS: a list, then those of debts. ARGV: the list's length, how many payloads to delete from its head, how many to look
-- at, then the debts of jobs that are deleted (debts.lua). For a list that only shrinks, and only so: where its length is
-- another, somebody else drains it as well, and nothing is deleted now.
-- Returns the length, and how many were looked at; then the beginnings of those that may owe something.
local at = 4
if redis.call('LLEN', KEYS[1]) == tonumber(ARGV[1]) then
  redis.call('LTRIM', KEYS[1], ARGV[2], -1)
  while at <= #ARGV do at = settle('removed', ARGV, at) end
end
local items = redis.call('LRANGE', KEYS[1], 0, ARGV[3] - 1)
local found = { redis.call('LLEN', KEYS[1]), #items }
for _, item in ipairs(items) do
  if string.sub(item, 1, 9) ~= '{"class":' then found[#found + 1] = string.sub(item, 1, 100000) end
end
return found
