-- KEYS: in-flight hash, failed_queues, four counters, a counter of those that timed out, attempts, then lists for
-- records, the keys of debts, and holders of slots. ARGV: for each job token, record or '', member of failed_queues or
-- '', the key of what is kept of its tries or '', whether it timed out ('1' or ''), number of lists, of each list where it
-- stands in KEYS, and its debts (debts.lua).
-- Returns how many jobs have ended with this, how many of those asked for have their record beside them because no
-- list takes it (see records.lua), what refused the last of these, and how many had timed out.
local key = KEYS[1]
if fenced(key) then return redis.error_reply(FENCED) end
local failed, late, withheld, trouble, at = 0, 0, 0, '', 1
local fields, wanted = {}, {}
while at <= #ARGV do
  fields[#fields + 1] = ARGV[at]
  at = settle(nil, ARGV, at + 6 + tonumber(ARGV[at + 5]))
end
local slots = want_slots(wanted, key, fields)
local unnamed = missing(wanted)
if unnamed then return unnamed end
free_slots(key, slots)
at = 1
while at <= #ARGV do
  local field, record, member, id = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local count_of_lists = tonumber(ARGV[at + 5])
  local lists = {}
  for i = 1, count_of_lists do lists[i] = KEYS[tonumber(ARGV[at + 5 + i])] end
  local entry, first_time = redis.call('HGET', key, field), false
  if entry then
    local known = id ~= '' and redis.call('HGET', key, '!' .. field)
    -- Two go when this is a copy of an earlier request, which has counted the job already.
    if redis.call('HDEL', key, field, '!' .. field) == 1 then
      first_time = true
      failed = failed + 1
      if ARGV[at + 4] ~= '' then late = late + 1 end
    end
    if id ~= '' then -- such a copy finds its tries in the record that stands there already
      record = known and split_record(known) or with_attempts(record, KEYS[8], id)
      forget_attempts(KEYS[8], id)
    end
    local refusal = keep_record(record, member, lists, KEYS[2])
    if refusal then
      redis.call('HSET', key, field, entry, '!' .. field, join_record(record, member, lists))
      withheld, trouble = withheld + 1, refusal
    end
  end
  at = settle(first_time and 'failed', ARGV, at + 6 + count_of_lists)
end
for i = 3, 6 do count(KEYS[i], failed) end
count(KEYS[7], late)
return { failed, withheld, trouble, late }
