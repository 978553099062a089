-- KEYS: later, its jobs, queues, index of batches, index of open ones, then those of the batch and of what is around it
-- (batches.lua), then lists of queues.
-- ARGV: how many levels; 'new', 'more', or the member that adds; 'seal' or ''; until when more may come, in
-- microseconds from now; seconds for which to keep it; how many facts, names and values of them; then groups: 'back',
-- 'front', 'in', 'at' or 'node', microseconds, queue, how many jobs, and of each id and payload.
-- Of a node come id, how many parents it waits for, the ids of its children, what is shown of it, and its parts.
-- Returns 1; or the error of a batch that takes nothing any more, or of a queue that takes nothing, with nothing done.
local levels, mode, seal, ttl = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[5]
local keys, lists = { KEYS[1], KEYS[2] }, 5 + levels * LEVEL
for i = 6, lists do keys[#keys + 1] = KEYS[i] end
local hash, pending, nodes = keys[FIRST + HASH], keys[FIRST + PENDING], keys[FIRST + NODES]
local facts = tonumber(ARGV[6])
local first_group = 7 + 2 * facts

local function refusal()
  local why = later_refusal(KEYS[1], KEYS[2])
  if why then return 'WRONGTYPE ' .. why end
  for i = lists + 1, #KEYS do
    local kind = redis.call('TYPE', KEYS[i]).ok
    if kind ~= 'none' and kind ~= 'list' then return 'WRONGTYPE ' .. KEYS[i] .. ': WRONGTYPE' end
  end
  if mode == 'new' then
    local around = keys[FIRST + LEVEL]
    if around and redis.call('SCARD', keys[FIRST + LEVEL + PENDING]) == 0
      and redis.call('HEXISTS', around, 'open') == 0 then return 'DONE the batch around this one is done' end
  elseif mode == 'more' then
    if redis.call('HEXISTS', hash, 'open') == 0 then return 'DONE the batch was closed, since its producer was late' end
  elseif redis.call('SISMEMBER', pending, mode) == 0 then
    return 'DONE the batch is done with this job'
  end
  return nil
end

local why = refusal()
if why then return redis.error_reply(why) end
local time, id = now(), ARGV[8]
if mode == 'new' then
  redis.call('HSET', hash, unpack(ARGV, 7, first_group - 1))
  redis.call('HSET', hash, 'created', string.format('%d', time), 'ttl', ttl)
  redis.call('ZADD', KEYS[4], time, id)
  if keys[FIRST + LEVEL] then
    redis.call('SADD', keys[FIRST + LEVEL + PENDING], 'batch:' .. id)
    redis.call('HINCRBY', keys[FIRST + LEVEL + HASH], 'total', 1)
  end
end
if mode == 'new' or mode == 'more' then
  redis.call('HSET', hash, 'open', 1)
  redis.call('ZADD', KEYS[5], string.format('%d', time + ARGV[4]), id)
end

local function put(kind, micros, queue, list, from, count)
  local ids, payloads = {}, {}
  for i = from, from + 2 * count - 2, 2 do
    ids[#ids + 1], payloads[#payloads + 1] = ARGV[i], ARGV[i + 1]
  end
  redis.call('SADD', pending, unpack(ids))
  redis.call('HINCRBY', hash, 'total', count)
  if kind == 'back' then
    redis.call('RPUSH', list, unpack(payloads))
  elseif kind == 'front' then
    push_front(list, payloads)
  else
    local due = tonumber(micros) + (kind == 'in' and time or 0)
    for i = 1, count do
      local _, last = put_later(KEYS[1], KEYS[2], ids[i], due, queue, payloads[i])
      due = last + 1
    end
  end
  if list then redis.call('SADD', KEYS[3], queue) end
end

local at, next_list = first_group, lists
while at <= #ARGV do
  local kind, micros, queue, count = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local list
  at = at + 4
  if kind == 'node' then
    for i = at, at + 5 * count - 5, 5 do
      local node, waits, children, parts = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 4]
      redis.call('HSET', nodes, '@' .. node, ARGV[i + 3])
      if children ~= '' then redis.call('HSET', nodes, '>' .. node, children) end
      if waits ~= '0' then
        redis.call('HSET', nodes, '#' .. node, waits, node, parts)
        redis.call('HINCRBY', hash, 'left', 1)
        redis.call('HINCRBY', hash, 'total', 1)
      end
    end
    at = at + 5 * count
  else
    if kind == 'back' or kind == 'front' then
      next_list = next_list + 1
      list = KEYS[next_list]
    end
    put(kind, micros, queue, list, at, count)
    at = at + 2 * count
  end
end
keep_for(keys, FIRST, ttl)
if seal == 'seal' then
  redis.call('HDEL', hash, 'open')
  redis.call('ZREM', KEYS[5], id)
  end_batch(keys, FIRST)
end
return 1
