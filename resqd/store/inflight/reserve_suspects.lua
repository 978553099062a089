-- KEYS: in-flight hash, suspects. ARGV: seq, how many, how many bytes, then queues whose suspects stay where they are.
-- As reserve does from queues; the values in this list are entries already.
local key, seq = KEYS[1], ARGV[1]
local early = guard(key, seq)
if early then return early end

local want, budget, bytes = tonumber(ARGV[2]), tonumber(ARGV[3]), 0
local taken, groups, args, closed = {}, {}, {}, {}
for i = 4, #ARGV do closed[ARGV[i]] = true end

-- Takes an entry; how many places of the list are gone with it.
local function take(entry, at)
  local queue, payload = split(entry)
  if closed[queue] then return 0 end
  if at == 0 then redis.call('LPOP', KEYS[2]) else redis.call('LREM', KEYS[2], 1, entry) end
  if queue then
    local g, index = #groups, #taken
    groups[g + 1], groups[g + 2], groups[g + 3] = queue, index, { payload }
    args[#args + 1], args[#args + 2] = seq .. '.' .. index, entry
    taken[index + 1] = entry
    bytes = bytes + #payload
  end
  return 1
end

local at = 0
while #taken < want and bytes < budget do
  local entry = redis.call('LINDEX', KEYS[2], at)
  if not entry then break end
  at = at + 1 - take(entry, at)
end
if #taken == 0 then return { {}, {} } end
local refusal = keep(key, seq, args)
if refusal then push_front(KEYS[2], taken) end
return refusal or { groups, {} }
