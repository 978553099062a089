-- KEYS: failed list, queues, then for each record its queue's list.
-- ARGV: for each record index, SHA-1, what becomes of it, queue or '', payload.
-- Goes on until a record is not where it was said to be; returns how many were done.
local done = 0
for i = 1, #ARGV, 5 do
  local at, was, new, queue, payload = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local record = redis.call('LINDEX', KEYS[1], at)
  if not record or redis.sha1hex(record) ~= was then return done end
  -- The job is pushed before its record goes: where the push is refused, the record stays.
  if queue ~= '' then
    redis.call('SADD', KEYS[2], queue)
    redis.call('RPUSH', KEYS[3 + (i - 1) / 5], payload)
  end
  if new == '' then
    redis.call('LSET', KEYS[1], at, '')
    redis.call('LREM', KEYS[1], 1, '')
  else
    redis.call('LSET', KEYS[1], at, new)
  end
  done = done + 1
end
return done
