-- KEYS: in-flight hash, queues in order. ARGV: seq, how many, how many bytes, length of the prefix of
-- queues' keys, limits as INDEX:COUNT (only those of queues that have one).
-- Takes before it writes: at maxmemory only what frees is allowed first, and then the rest is too.
local key, seq, prefix = KEYS[1], ARGV[1], tonumber(ARGV[4])
local want, budget = tonumber(ARGV[2]), tonumber(ARGV[3])
local early = guard(key, seq)
if early then return early end

local limits = {}
for index, limit in string.gmatch(ARGV[5], '(%d+):(%d+)') do limits[tonumber(index)] = tonumber(limit) end

local groups, origins, skipped, fields, args = {}, {}, {}, {}, {}
local taken, bytes, trouble = 0, 0, nil
number_fields(fields, seq, 0, math.min(want, 9) - 1)

-- Pops in chunks that double, since the first ones tell how large payloads are.
local function take(index)
  local queue, room, chunk = KEYS[index], want - taken, 1
  local name = string.sub(queue, prefix + 1)
  local head = #name .. ':' .. name
  room = math.min(room, limits[index - 1] or room)
  while room > 0 and bytes < budget do
    local ask = math.min(chunk, room)
    local popped = redis.pcall('LPOP', queue, ask)
    if not popped then return nil end
    if popped.err then return popped.err, name end
    local n, at = #popped, #args
    if taken + n > #fields then number_fields(fields, seq, #fields, math.min(want, (taken + n) * 2) - 1) end
    for i = 1, n do
      local payload = popped[i]
      bytes = bytes + #payload
      args[at + 1], args[at + 2] = fields[taken + i], head .. payload
      at = at + 2
    end
    local g = #groups
    origins[#origins + 1] = queue
    groups[g + 1], groups[g + 2], groups[g + 3] = name, taken, popped
    taken, room = taken + n, room - n
    if n < ask then return nil end
    chunk = math.min(chunk * 2, 500)
  end
  return nil
end

local function full()
  return taken >= want or bytes >= budget or trouble
end

local function take_from(first, last)
  for index = first, last do
    if full() then break end
    local failure, name = take(index)
    if failure and string.find(failure, 'WRONGTYPE', 1, true) then
      skipped[#skipped + 1] = name
    elseif failure then
      trouble = redis.error_reply(failure)
    end
  end
end

-- One EXISTS tells that fifty queues are empty, at a fraction of what fifty LPOPs cost; most of many queues are.
for first = 2, #KEYS, 50 do
  if full() then break end
  local last = math.min(first + 49, #KEYS)
  if last - first < 3 or redis.pcall('EXISTS', unpack(KEYS, first, last)) ~= 0 then take_from(first, last) end
end

if taken == 0 then return trouble or { {}, skipped } end
local refusal = keep(key, seq, args)
if refusal then
  for i = #origins, 1, -1 do push_front(origins[i], groups[3 * i]) end
  return refusal
end
return { groups, skipped }
