-- KEYS: jobs of later. ARGV: tickets. Returns for each the beginning of its entry, which tells what the job owes, and the
-- SHA-1 of all of it; twice '' where it can owe nothing, as a payload that begins with its class.
local found = {}
for i, ticket in ipairs(ARGV) do
  local entry = redis.call('HGET', KEYS[1], ticket)
  local _, payload = split(entry or '')
  local owes = payload and string.sub(payload, 1, 9) ~= '{"class":'
  found[2 * i - 1] = owes and string.sub(entry, 1, 100000) or ''
  found[2 * i] = owes and redis.sha1hex(entry) or ''
end
return found
