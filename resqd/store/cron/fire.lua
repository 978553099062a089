-- KEYS: next times, runs, version, queues, the queue's list.
-- ARGV: the entry's name, the version and the next time that were seen, the next time from now on ('': none), the
-- queue's name, the times that are due, and then the payload for each of them.
-- Whoever comes first pushes and moves the next time on, in this one step; for all others there is nothing left.
-- Returns 'done', 'stale' (another was first, or the entry has changed), 'early' (Redis's clock has not come to it, or
-- has gone back), or what refuses the push: then nothing has changed.
local name, seen = ARGV[1], ARGV[3]
if version(KEYS[3]) ~= ARGV[2] or redis.call('ZSCORE', KEYS[1], name) ~= seen then return 'stale' end
local moment = now_in_seconds()
local dues, payloads = {}, {}
for due in string.gmatch(ARGV[6], '%S+') do
  if tonumber(due) > moment then return 'early' end
  dues[#dues + 1] = due
end
if tonumber(seen) > moment then return 'early' end
for i = 7, #ARGV do payloads[#payloads + 1] = ARGV[i] end

-- What frees comes first, as in heartbeat.lua: with memory at its limit a tick still reaches its queue.
redis.call('ZREM', KEYS[1], name)
if #payloads > 0 then
  local reply = redis.pcall('RPUSH', KEYS[5], unpack(payloads))
  if type(reply) == 'table' and reply.err then
    redis.call('ZADD', KEYS[1], seen, name)
    return reply.err
  end
  redis.call('SADD', KEYS[4], ARGV[5])
  note_runs(KEYS[2], name, dues, moment)
end
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[1], ARGV[4], name) end
return 'done'
