-- KEYS: moved, queues, failed queues, later, its jobs, then lists. ARGV: for each item its name at the shard that it comes
-- from, 'queue', 'failed' or 'later', the name of its list or its ticket, the key of its list or the microsecond when
-- it is due, and what it is.
-- Each is put once, however often this is called: its name is noted in the same step. Returns how many were put.
local moved, put = KEYS[1], 0
redis.call('HDEL', moved, '!none')
for i = 1, #ARGV, 5 do
  local kind, name, where, data = ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  if redis.call('HSETNX', moved, ARGV[i], 1) == 1 then
    put = put + 1
    if kind == 'later' then
      local queue, payload = split(data)
      put_later(KEYS[4], KEYS[5], name, tonumber(where), queue, payload)
    else
      redis.call('RPUSH', where, data)
      if kind == 'queue' then redis.call('SADD', KEYS[2], name) end
      if kind == 'failed' and name ~= 'failed' then redis.call('SADD', KEYS[3], name) end
    end
  end
end
redis.call('EXPIRE', moved, 2592000)
return put
