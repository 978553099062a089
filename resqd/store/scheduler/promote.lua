-- KEYS: lock, schedule, the list of a moment, the list of the moment to which refused jobs are put off, queues, then
-- the lists and sets that ARGV names by their place among the keys.
-- ARGV: who must hold the lock ('': nobody may), the moment, the moment to put off to; then for each job five: its
-- payload as it stands in the list, what to push, where to (place), the queue's name ('': it is no queue), the set of
-- the payload's moments (place).
-- Jobs that are not in the list any more were taken by somebody else. What frees comes first, for maxmemory.
-- Returns how many were moved and put off, and how many are left; -1, -1 and who holds the lock where that is wrong.
local holder = redis.call('GET', KEYS[1]) or ''
if holder ~= ARGV[1] then return { -1, -1, holder } end
local due, later = 'delayed:' .. ARGV[2], 'delayed:' .. ARGV[3]
local moved, refused = 0, 0

local function put_off(payload, moments)
  local pushed = redis.pcall('RPUSH', KEYS[4], payload)
  if type(pushed) == 'table' and pushed.err then
    redis.call('LPUSH', KEYS[3], payload)
    redis.call('SADD', moments, due)
  else
    redis.call('SADD', moments, later)
    redis.call('ZADD', KEYS[2], ARGV[3], ARGV[3])
  end
end

for at = 4, #ARGV, 5 do
  local payload, queue, moments = ARGV[at], ARGV[at + 3], KEYS[tonumber(ARGV[at + 4])]
  if redis.call('LREM', KEYS[3], 1, payload) == 1 then
    redis.call('SREM', moments, due)
    local pushed = redis.pcall('RPUSH', KEYS[tonumber(ARGV[at + 2])], ARGV[at + 1])
    if type(pushed) == 'table' and pushed.err then
      refused = refused + 1
      put_off(payload, moments)
    else
      moved = moved + 1
      if queue ~= '' then redis.call('SADD', KEYS[5], queue) end
    end
  end
end
local left = redis.call('LLEN', KEYS[3])
if left == 0 then redis.call('ZREM', KEYS[2], ARGV[2]) end
return { moved, refused, left }
