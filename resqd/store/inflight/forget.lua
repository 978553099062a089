-- KEYS: daemons, index, suspects, intervals. ARGV: life, its daemon with ':', its epoch with '.'.
-- Strikes a life off the list, but not while it holds jobs, nor the last life of a daemon that has suspects.
-- Returns 1 when it is gone.
local function others()
  for _, life in ipairs(redis.call('HKEYS', KEYS[1])) do
    if life ~= ARGV[1] and string.sub(life, 1, #ARGV[2]) == ARGV[2] then return true end
  end
  return false
end

for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do
  if string.sub(id, 1, #ARGV[3]) == ARGV[3] then return 0 end
end
if redis.call('EXISTS', KEYS[3]) == 1 and not others() then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
return 1
