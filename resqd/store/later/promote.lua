-- KEYS: later, its jobs, queues, then queues' lists.
-- ARGV: prefix of queues' keys, how many jobs, how many bytes, by how many microseconds to put off.
-- Moves what is due to the ends of its queues, in the order of its moments, or to their fronts, where its producer wants
-- it so (using.py) and it was not tried before. Takes before it pushes: at maxmemory only that order passes. What a queue refuses is put off. Nothing is taken while a queue is missing among KEYS.
-- Returns {moved, put off, how many microseconds until the next is due (-1: none; 0: now), the moment}.
local later, jobs, prefix = KEYS[1], KEYS[2], ARGV[1]
local moment = now()
local FRONT = '{"resqd":{"front":1'
local function outlook(moved, refused)
  local first = redis.call('ZRANGE', later, 0, 0, 'WITHSCORES')
  local left = first[2] and math.max(0, tonumber(first[2]) - moment) or -1
  return { moved, refused, string.format('%d', left), string.format('%d', moment) }
end
local refusal = later_refusal(later, jobs)
if refusal then return redis.error_reply('WRONGTYPE ' .. refusal) end
local due = redis.call('ZRANGE', later, '-inf', string.format('%d', moment), 'BYSCORE', 'LIMIT', 0, ARGV[2])
if #due == 0 then return outlook(0, 0) end

-- Lengths first: five hundred jobs of 100 kB would hold the server for 0.4 s.
local tickets, bytes, budget = {}, 0, tonumber(ARGV[3])
for _, ticket in ipairs(due) do
  bytes = bytes + redis.call('HSTRLEN', jobs, ticket)
  if #tickets > 0 and bytes > budget then break end
  tickets[#tickets + 1] = ticket
end
local entries, lists, wanted, names = redis.call('HMGET', jobs, unpack(tickets)), {}, {}, {}
for i, ticket in ipairs(tickets) do
  local queue, payload
  if entries[i] then queue, payload = split(entries[i]) end
  if queue then
    local front = string.sub(payload, 1, #FRONT) == FRONT
    local place = (front and 'front ' or 'end ') .. queue
    local list = lists[place]
    if not list then
      list = { queue = queue, front = front, tickets = {}, payloads = {} }
      lists[place], names[#names + 1], wanted[#wanted + 1] = list, place, prefix .. queue
    end
    table.insert(list.tickets, ticket)
    table.insert(list.payloads, payload)
  end
end
local unnamed = missing(wanted)
if unnamed then return unnamed end

redis.call('ZREM', later, unpack(tickets))
redis.call('HDEL', jobs, unpack(tickets))
local moved, put_off = 0, 0
for _, place in ipairs(names) do
  local list = lists[place]
  local left, key = 0, prefix .. list.queue
  if list.front then
    left = push_front(key, list.payloads)
  elseif refused(redis.pcall('RPUSH', key, unpack(list.payloads))) then
    left = #list.payloads
  end
  for i = 1, left do
    put_later(later, jobs, list.tickets[i], moment + tonumber(ARGV[4]), list.queue, list.payloads[i])
  end
  if left < #list.payloads then redis.pcall('SADD', KEYS[3], list.queue) end
  put_off, moved = put_off + left, moved + #list.payloads - left
end
return outlook(moved, put_off)
