-- KEYS: the in-flight hash of one incarnation. Returns its queues and how many jobs of each it holds.
-- Counted in the server, so that the payloads stay there.
local flat, counts, order, result = redis.call('HGETALL', KEYS[1]), {}, {}, {}
for i = 1, #flat, 2 do
  local size = string.sub(flat[i], 1, 1) ~= '!' and string.match(flat[i + 1], '^(%d+):')
  if size then
    local name = string.sub(flat[i + 1], #size + 2, #size + 1 + size)
    if not counts[name] then order[#order + 1] = name end
    counts[name] = (counts[name] or 0) + 1
  end
end
for _, name in ipairs(order) do
  result[#result + 1] = name
  result[#result + 1] = counts[name]
end
return result
