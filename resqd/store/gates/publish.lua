-- KEYS: limits, tables of what daemons declare, daemons. ARGV: life of a daemon, its table or '', for one that goes.
-- A table is lines of DEFINITION, a tab and NAME, after one with the moment since when it is there. The newest that names
-- a limit defines it; what no living daemon declares is no limit any more. What only blocks of code have defined stands
-- under '!' and its name (enter.lua), and is a limit for an hour after its last use.
local HOUR = 3600000000
local tables, moment = {}, now()
redis.call('HDEL', KEYS[2], '!none') -- lets the rest pass at maxmemory
local known = redis.call('HGET', KEYS[2], ARGV[1])
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[2], ARGV[1])
elseif not known or string.match(known, '^%d+\n(.*)$') ~= ARGV[2] then
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%d', moment) .. '\n' .. ARGV[2])
end
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local since, lines = string.match(all[i + 1], '^(%d+)\n(.*)$')
  local used = string.sub(all[i], 1, 1) == '!'
  if used and tonumber(since) + HOUR > moment then
    tables[#tables + 1] = { since = 0, lines = lines }
  elseif not used and (all[i] == ARGV[1] or redis.call('HEXISTS', KEYS[3], all[i]) == 1) then
    tables[#tables + 1] = { since = tonumber(since), lines = lines }
  else
    redis.call('HDEL', KEYS[2], all[i])
  end
end
table.sort(tables, function(a, b) return a.since < b.since end)
local definitions = {}
for _, each in ipairs(tables) do
  for definition, name in string.gmatch(each.lines, '([^\t\n]+)\t([^\n]+)\n') do definitions[name] = definition end
end
local old = redis.call('HGETALL', KEYS[1])
for i = 1, #old, 2 do
  if not definitions[old[i]] then redis.call('HDEL', KEYS[1], old[i]) end
  if definitions[old[i]] == old[i + 1] then definitions[old[i]] = nil end
end
for name, definition in pairs(definitions) do redis.call('HSET', KEYS[1], name, definition) end
return #tables
