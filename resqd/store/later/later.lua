-- Jobs that are to run later: a sorted set of tickets by the microsecond when they are due, and a hash of ticket to
-- entry. A ticket is the job's id where that is free: ids need not be unique, and nothing is overwritten.

-- Why the two keys cannot be used, before anything has changed; nil where they can.
local function later_refusal(later, jobs)
  local kind = redis.call('TYPE', later).ok
  if kind ~= 'none' and kind ~= 'zset' then return later .. ': WRONGTYPE' end
  kind = redis.call('TYPE', jobs).ok
  if kind ~= 'none' and kind ~= 'hash' then return jobs .. ': WRONGTYPE' end
  return nil
end

-- The first microsecond from `due` on that no job has: so jobs that are due together keep the order of their coming.
-- Moments are unique, so a range is full when it has as many jobs as microseconds. Its end is found by doubling, then
-- by halving: a million jobs may be due at one moment.
local function free_moment(later, due)
  local function full(size) return redis.call('ZCOUNT', later, due, due + size - 1) >= size end
  if not full(1) then return due end
  local taken, size = 1, 2
  while full(size) do taken, size = size, size * 2 end
  while size - taken > 1 do
    local middle = math.floor((taken + size) / 2)
    if full(middle) then taken = middle else size = middle end
  end
  return due + taken
end

-- Puts a job, and returns its ticket and its moment.
local function put_later(later, jobs, id, due, queue, payload)
  local ticket, n = id, 1
  while redis.call('HSETNX', jobs, ticket, join(queue, payload)) == 0 do
    n = n + 1
    ticket = id .. '~' .. n
  end
  due = free_moment(later, due)
  redis.call('ZADD', later, string.format('%d', due), ticket)
  return ticket, due
end

-- Takes a job away: its queue and payload, nil where there is none. A ticket without a job goes as well.
local function take_later(later, jobs, ticket)
  local entry = redis.call('HGET', jobs, ticket)
  redis.call('ZREM', later, ticket)
  if not entry then return nil end
  redis.call('HDEL', jobs, ticket)
  return split(entry)
end
