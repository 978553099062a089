-- KEYS: in-flight hash, suspects. ARGV: seq, how many, how many bytes.
-- As reserve does from queues; the values in this list are entries already.
local key, seq = KEYS[1], ARGV[1]
local early = guard(key, seq)
if early then return early end

local want, budget, bytes = tonumber(ARGV[2]), tonumber(ARGV[3]), 0
local taken, groups, args = {}, {}, {}
while #taken < want and bytes < budget do
  local entry = redis.call('LPOP', KEYS[2])
  if not entry then break end
  local queue, payload = split(entry)
  if queue then
    local g, index = #groups, #taken
    groups[g + 1], groups[g + 2], groups[g + 3] = queue, index, { payload }
    args[#args + 1], args[#args + 2] = seq .. '.' .. index, entry
    taken[index + 1] = entry
    bytes = bytes + #payload
  end
end
if #taken == 0 then return { {}, {} } end
local refusal = keep(key, seq, args)
if refusal then push_front(KEYS[2], taken) end
return refusal or { groups, {} }
