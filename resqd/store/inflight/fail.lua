-- KEYS: in-flight hash, failed_queues, four counters, then lists for records. ARGV: for each job
-- token, record or '', member of failed_queues or '', number of lists, and of each list where it stands in KEYS.
-- Returns how many jobs have ended with this, how many of those asked for have their record beside them because no
-- list takes it (see records.lua), and what refused the last of these.
local key = KEYS[1]
if fenced(key) then return redis.error_reply(FENCED) end
local failed, withheld, trouble, at = 0, 0, '', 1
while at <= #ARGV do
  local field, record, member, count_of_lists = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local lists = {}
  for i = 1, count_of_lists do lists[i] = KEYS[tonumber(ARGV[at + 3 + i])] end
  local entry = redis.call('HGET', key, field)
  if entry then
    -- Two go when this is a copy of an earlier request, which has counted the job already.
    if redis.call('HDEL', key, field, '!' .. field) == 1 then failed = failed + 1 end
    local refusal = keep_record(record, member, lists, KEYS[2])
    if refusal then
      redis.call('HSET', key, field, entry, '!' .. field, join_record(record, member, lists))
      withheld, trouble = withheld + 1, refusal
    end
  end
  at = at + 4 + count_of_lists
end
for i = 3, 6 do count(KEYS[i], failed) end
return { failed, withheld, trouble }
