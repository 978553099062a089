-- Reserves from rings of queues, each of which goes on where the last reserve of anybody has ended.
-- KEYS: in-flight hash, the hash of rings to the queue served last, queues. ARGV: seq, how many, how many bytes,
-- length of the prefix of queues' keys, limits as INDEX:COUNT (only those of queues that have one), then for each
-- ring its label, its first and last queue, weight and share; in the order in which they get what others leave.
-- Takes before it writes, as reserve.lua does.
local key, turns, seq, prefix = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[4])
local want, budget = tonumber(ARGV[2]), tonumber(ARGV[3])
local early = guard(key, seq)
if early then return early end

local limits = {}
for index, limit in string.gmatch(ARGV[5], '(%d+):(%d+)') do limits[tonumber(index) + 2] = tonumber(limit) end

local groups, origins, skipped, fields, args = {}, {}, {}, {}, {}
local singles -- the latest group, as long as it is one of single jobs
local taken, bytes, trouble = 0, 0, nil

local function full()
  return taken >= want or bytes >= budget or trouble
end

local function more_fields(n)
  if n > #fields then number_fields(fields, seq, #fields, math.min(want, n * 2 + 8) - 1) end
end

local function fault(index, message)
  if string.find(message, 'WRONGTYPE', 1, true) then
    skipped[#skipped + 1] = string.sub(KEYS[index], prefix + 1)
  else
    trouble = redis.error_reply(message)
  end
end

local function open_group(origin, name, payloads)
  local g = #groups
  origins[#origins + 1] = origin
  groups[g + 1], groups[g + 2], groups[g + 3] = name, taken, payloads
end

-- One job of each queue from the first to the last, until there are `most` in all, or `there` of these. Returns the
-- place after the last one that was looked at. Single jobs of many queues are one group, whose name is the places of
-- their queues, from the first to the last, and so on: a group for each job would cost more than all the rest.
local function take_singles(ring, first, last, most, there)
  if not singles then
    singles = { runs = {}, payloads = {} }
    open_group(singles.runs, singles.runs, singles.payloads)
  end
  local payloads, runs, more, pop, sub = singles.payloads, singles.runs, ring.more, redis.pcall, string.sub
  local index, n, at, r, latest = first, taken, #args, #runs, runs[#runs]
  most = math.min(most, n + there)
  while index <= last and n < most and bytes < budget do
    local queue = KEYS[index]
    local payload = pop('LPOP', queue)
    if type(payload) == 'string' then
      if latest ~= index - 3 then
        runs[r + 1], r = index - 2, r + 2
      end
      latest = index - 2
      runs[r] = latest
      n, at = n + 1, at + 2
      if n > #fields then more_fields(n) end
      payloads[#payloads + 1], more[#more + 1] = payload, index
      args[at - 1], args[at] = fields[n], (#queue - prefix) .. ':' .. sub(queue, prefix + 1) .. payload
      bytes, ring.served = bytes + #payload, index
    elseif payload then
      fault(index, payload.err)
      if trouble then break end
    end
    index = index + 1
  end
  taken = n
  return index
end

local function add(index, popped)
  local queue = KEYS[index]
  local name = string.sub(queue, prefix + 1)
  local head, at, n = #name .. ':' .. name, #args, taken + #popped
  more_fields(n)
  for i = 1, #popped do
    bytes = bytes + #popped[i]
    args[at + 1], args[at + 2] = fields[taken + i], head .. popped[i]
    at = at + 2
  end
  open_group(queue, name, popped)
  singles = nil
  taken = n
end

-- Up to `share` jobs of a queue, in chunks that double, since the first ones tell how large payloads are. Returns how
-- many came, and whether there may be more.
local function take(index, share)
  local limit = limits[index]
  local room, chunk, got = math.min(share, limit or share), 1, 0
  while got < room and bytes < budget do
    local ask = math.min(chunk, room - got)
    local popped = redis.pcall('LPOP', KEYS[index], ask)
    if not popped then break end
    if popped.err then
      fault(index, popped.err)
      break
    end
    add(index, popped)
    got = got + #popped
    if #popped < ask then break end
    chunk = math.min(chunk * 2, 500)
  end
  if limit then limits[index] = limit - got end
  return got, got == share and limits[index] ~= 0
end

-- Where a ring begins: after the queue that was served last. The place is kept with the name, since queues come and go.
local function begin(ring)
  local size = ring.last - ring.first + 1
  ring.size, ring.seen, ring.more, ring.from = size, 0, {}, 0
  for index in pairs(limits) do
    if index >= ring.first and index <= ring.last then ring.limited = true end
  end
  if size == 1 then return end
  local kept = redis.pcall('HGET', turns, ring.label)
  if not kept or kept.err then return end
  local place, name = string.match(kept, '^(%d+) (.*)$')
  if not place then return end
  local queue, at = string.sub(KEYS[ring.first], 1, prefix) .. name, tonumber(place)
  if at >= size or KEYS[ring.first + at] ~= queue then
    at = at % size
    for i = 0, size - 1 do
      if KEYS[ring.first + i] == queue then at = i end
    end
  end
  ring.from = (at + 1) % size
end

local function serve(ring, index, share)
  local got, more = take(index, share)
  if got > 0 then ring.served = index end
  if more then ring.more[#ring.more + 1] = index end
  return got > 0
end

-- The queues that were not looked at yet. Where some were empty one EXISTS tells how many of the next fifty are not.
local function discover(ring, goal)
  local share, dense = math.max(1, math.floor((goal - taken) / ring.size)), true
  while ring.seen < ring.size and taken < goal and not full() do
    local at, before = (ring.from + ring.seen) % ring.size, taken
    local count = math.min(50, ring.size - ring.seen, ring.size - at)
    local first, there = ring.first + at, nil
    if not dense and count > 3 then there = redis.pcall('EXISTS', unpack(KEYS, first, first + count - 1)) end
    if type(there) ~= 'number' then there = count end
    local past, last = first, first + count - 1
    if there == 0 then
      past = first + count
    elseif share == 1 and not ring.limited then
      past = take_singles(ring, first, last, goal, there)
      if taken - before == there then past = first + count end
    else
      while past <= last and taken < goal and not full() do
        serve(ring, past, math.min(share, goal - taken))
        past = past + 1
      end
    end
    ring.seen = ring.seen + past - first
    dense = taken - before > count / 2
  end
end

-- Those that had more, again; what is not reached comes first the next time.
local function again(ring, goal)
  local old = ring.more
  local share = math.max(1, math.floor((goal - taken) / #old))
  ring.more = {}
  for at, index in ipairs(old) do
    if taken >= goal or full() then
      local rest = {}
      for i = at, #old do rest[#rest + 1] = old[i] end
      for _, each in ipairs(ring.more) do rest[#rest + 1] = each end
      ring.more = rest
      return
    end
    serve(ring, index, math.min(share, goal - taken))
  end
end

-- Takes up to `most` jobs of a ring in equal shares.
local function walk(ring, most)
  local goal = math.min(taken + most, want)
  discover(ring, goal)
  while taken < goal and #ring.more > 0 and not full() do again(ring, goal) end
end

local function spent(ring)
  return ring.seen >= ring.size and #ring.more == 0
end

local rings = {}
for at = 6, #ARGV, 5 do
  local ring = { label = ARGV[at], first = tonumber(ARGV[at + 1]) + 2, last = tonumber(ARGV[at + 2]) + 2 }
  ring.weight, ring.share = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  begin(ring)
  rings[#rings + 1] = ring
end

for _, ring in ipairs(rings) do
  if ring.share > 0 and not full() then walk(ring, ring.share) end
end
while not full() do
  local weight, open = 0, {}
  for _, ring in ipairs(rings) do
    if not spent(ring) then open[#open + 1], weight = ring, weight + ring.weight end
  end
  if #open == 0 then break end
  local left = want - taken
  for _, ring in ipairs(open) do
    if full() then break end
    walk(ring, math.max(1, math.floor(left * ring.weight / weight)))
  end
end

if taken == 0 then return trouble or { {}, skipped } end
local refusal = keep(key, seq, args)
if refusal then
  for i = #origins, 1, -1 do
    local runs, payloads = origins[i], groups[3 * i]
    if type(runs) == 'string' then push_front(runs, payloads) end
    for r = type(runs) == 'table' and #runs or 0, 1, -2 do
      for index = runs[r], runs[r - 1], -1 do push_front(KEYS[index + 2], { table.remove(payloads) }) end
    end
  end
  return refusal
end
for _, ring in ipairs(rings) do
  if ring.served and ring.size > 1 then
    local place = ring.served - ring.first
    redis.pcall('HSET', turns, ring.label, place .. ' ' .. string.sub(KEYS[ring.served], prefix + 1))
  end
end
return { groups, skipped }
