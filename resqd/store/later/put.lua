-- KEYS: later, its jobs. ARGV: 'in' or 'at', microseconds from now or since 1970, queue, then id and payload of each
-- job, in order. Returns their tickets.
local later, jobs, due, queue = KEYS[1], KEYS[2], tonumber(ARGV[2]), ARGV[3]
if ARGV[1] == 'in' then due = due + now() end

-- All at once, where every id and every moment is free; nil where they are not, or a key is of another type.
local function put_all()
  local count, ids, fields, moments, met = (#ARGV - 3) / 2, {}, {}, {}, {}
  local taken = redis.pcall('ZCOUNT', later, due, due + count - 1)
  if taken ~= 0 then
    if type(taken) ~= 'number' then return nil end
    due = free_moment(later, due)
    if redis.call('ZCOUNT', later, due, due + count - 1) ~= 0 then return nil end
  end
  for i = 1, count do
    local id = ARGV[2 * i + 2]
    if met[id] then return nil end
    met[id], ids[i] = true, id
    fields[2 * i - 1], fields[2 * i] = id, join(queue, ARGV[2 * i + 3])
    moments[2 * i - 1], moments[2 * i] = due + i - 1, id
  end
  local found = redis.pcall('HMGET', jobs, unpack(ids))
  for i = 1, count do
    if found[i] ~= false then return nil end
  end
  redis.call('HSET', jobs, unpack(fields))
  redis.call('ZADD', later, unpack(moments))
  return ids
end

local tickets = put_all()
if tickets then return tickets end
local refusal = later_refusal(later, jobs)
if refusal then return redis.error_reply('WRONGTYPE ' .. refusal) end
tickets = {}
for i = 4, #ARGV, 2 do
  local ticket, moment = put_later(later, jobs, ARGV[i], due, queue, ARGV[i + 1])
  tickets[#tickets + 1], due = ticket, moment + 1
end
return tickets
