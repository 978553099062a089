-- KEYS: failed list, queues, locks of unique jobs, then for each record its queue's list, then those of debts.
-- ARGV: for each record index, SHA-1, what becomes of it, queue or '', payload, the lock that the job must get, as
-- FINGERPRINT TICKET, or '', what it means for its places in batches ('requeued', 'forgotten' or ''), and these
-- (debts.lua). The indexes ascend, each as it is when the records before it have gone.
-- Goes on until a record is not where it was said to be, a lock is held, or a push is refused; returns how many were done.
local done, gone, refused = 0, 0, nil
local i, nth = 1, 0
while i <= #ARGV do
  local at, was, new, queue, payload = ARGV[i] + gone, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local record = redis.call('LINDEX', KEYS[1], at)
  if not record or redis.sha1hex(record) ~= was then break end
  local fingerprint, ticket = string.match(ARGV[i + 5], '^(%S+) (.+)$')
  if fingerprint then
    if redis.call('HEXISTS', KEYS[3], fingerprint) == 1 then break end
    redis.call('HSET', KEYS[3], fingerprint, string.format('%d %s', now(), ticket))
  end
  -- The job is pushed before its record goes: where the push is refused, the record stays.
  if queue ~= '' then
    local pushed = redis.pcall('SADD', KEYS[2], queue)
    if type(pushed) ~= 'table' then pushed = redis.pcall('RPUSH', KEYS[4 + nth], payload) end
    if type(pushed) == 'table' then
      if fingerprint then redis.call('HDEL', KEYS[3], fingerprint) end
      refused = pushed
      break
    end
  end
  redis.call('LSET', KEYS[1], at, new)
  if new == '' then gone = gone + 1 end
  done = done + 1
  i, nth = settle(ARGV[i + 6] ~= '' and ARGV[i + 6], ARGV, i + 7), nth + 1
end
-- LREM goes through the list from its head, so it is done once for all, and whatever came before.
if gone > 0 then redis.call('LREM', KEYS[1], gone, '') end
if refused and done == 0 then return refused end
return done
