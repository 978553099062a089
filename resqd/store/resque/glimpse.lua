-- KEYS: a list. ARGV: position of the first item, how many, most bytes of one item, most bytes of all.
-- An item may be as long as Redis allows, so a page must not ask for a hundred of them whole.
-- Returns for each item its length and the item, or '' where that is too long; ends early where all are too many.
local at, count, most, total = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local found = {}
while count > 0 and total > 0 do
  local asked = math.min(count, 10)
  local items = redis.call('LRANGE', KEYS[1], at, at + asked - 1)
  for _, item in ipairs(items) do
    found[#found + 1] = #item
    found[#found + 1] = #item <= most and item or ''
    total = total - math.min(#item, most)
  end
  if #items < asked then return found end
  at, count = at + asked, count - asked
end
return found
