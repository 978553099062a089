-- KEYS: in-flight hash. ARGV: for each job token, and how far it has come, in Base64.
-- Only for an incarnation that is not fenced, and jobs that are still in flight: elsewhere it would make a second one.
-- What the server refuses, as at maxmemory, costs no more than the way since the last one. Returns how many were kept.
local key, kept = KEYS[1], 0
if fenced(key) then return redis.error_reply(FENCED) end
for i = 1, #ARGV, 2 do
  local entry, queue, payload = redis.call('HGET', key, ARGV[i]), nil, nil
  if entry then queue, payload = split(entry) end
  local moved = queue and with_cursor(payload, ARGV[i + 1])
  if moved and not refused(redis.pcall('HSET', key, ARGV[i], join(queue, moved))) then kept = kept + 1 end
end
return kept
