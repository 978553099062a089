-- KEYS: in-flight hash, failed_queues, then lists for records.
-- Tries again to record the failed jobs whose records stand beside them. Returns how many were recorded, how many are
-- left, and what refused the last of these; or the lists that are missing among KEYS.
local key = KEYS[1]
redis.call('HDEL', key, '!none') -- lets the rest pass at maxmemory
if fenced(key) then return redis.error_reply(FENCED) end
local records, wanted, recorded, left, trouble = {}, {}, 0, 0, ''
for _, field in ipairs(redis.call('HKEYS', key)) do
  local token = recorded_token(field)
  if token then
    local joined = redis.call('HGET', key, field)
    records[#records + 1] = { token = token, field = field, joined = joined }
    want_lists(wanted, joined)
  end
end
local unnamed = missing(wanted)
if unnamed then return unnamed end
for _, each in ipairs(records) do
  local refusal = keep_joined(each.joined, KEYS[2])
  if refusal then
    left, trouble = left + 1, refusal
  else
    redis.call('HDEL', key, each.token, each.field)
    recorded = recorded + 1
  end
end
return { recorded, left, trouble }
