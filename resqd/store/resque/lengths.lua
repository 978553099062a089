-- KEYS: queues' lists. ARGV: the most bytes of a first payload to return; 0: return none.
-- One call in place of two commands for each queue: what people look at every two seconds must cost Redis little.
-- Returns for each its length (-1: the key is no list), and with ARGV > 0 its first payload ('' where it is longer).
local most, found = tonumber(ARGV[1]), {}
for _, key in ipairs(KEYS) do
  local length = redis.pcall('LLEN', key)
  if type(length) == 'table' then length = -1 end
  found[#found + 1] = length
  if most > 0 then
    local first = length > 0 and redis.call('LINDEX', key, 0)
    found[#found + 1] = first and #first <= most and first or ''
  end
end
return found
