-- KEYS: in-flight hash, failed_queues, then counters. ARGV: for each job
-- token, record or '', member of failed_queues or '', number of lists, lists.
-- Returns how many jobs were really there. A job whose record no list takes stays in flight; one list that
-- takes it is enough, or the next try would record it twice there.
local key = KEYS[1]

-- The reply of the list that refused the record, if each one did.
local function push_record(record, from, lists)
  local taken, refusal = lists == 0, nil
  for i = from, from + lists - 1 do
    local reply = redis.pcall('RPUSH', ARGV[i], record)
    if refused(reply) then refusal = reply else taken = true end
  end
  return not taken and refusal or nil
end

if fenced(key) then return redis.error_reply(FENCED) end
local failed, trouble, at = 0, nil, 1
while at <= #ARGV do
  local field, record, member, lists = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local entry = redis.call('HGET', key, field)
  if entry then
    redis.call('HDEL', key, field)
    local refusal = push_record(record, at + 4, lists)
    if refusal then
      redis.call('HSET', key, field, entry)
      trouble = refusal
    else
      failed = failed + 1
      if member ~= '' then redis.pcall('SADD', KEYS[2], member) end
    end
  end
  at = at + 4 + lists
end
for i = 3, #KEYS do count(KEYS[i], failed) end
return trouble or failed
