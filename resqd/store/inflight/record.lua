-- KEYS: in-flight hash, failed_queues. Tries again to record the failed jobs whose records stand beside them.
-- Returns how many were recorded, how many are left, and what refused the last of these.
local key = KEYS[1]
redis.call('HDEL', key, '!none') -- lets the rest pass at maxmemory
if fenced(key) then return redis.error_reply(FENCED) end
local recorded, left, trouble = 0, 0, ''
for _, field in ipairs(redis.call('HKEYS', key)) do
  local token = recorded_token(field)
  if token then
    local refusal = keep_joined(redis.call('HGET', key, field), KEYS[2])
    if refusal then
      left, trouble = left + 1, refusal
    else
      redis.call('HDEL', key, token, field)
      recorded = recorded + 1
    end
  end
end
return { recorded, left, trouble }
