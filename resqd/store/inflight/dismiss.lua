-- KEYS: in-flight hash, attempts, counters (two of processed jobs, discarded, expired), those of debts, and holders of
-- slots. ARGV: for each job token, 'done', 'discarded' or 'expired', the key of what is kept of its tries or '', and its
-- debts (debts.lua). The ends of jobs without a record that are no plain successes.
-- Returns how many of each kind were really there.
local key, ended, at = KEYS[1], { done = 0, discarded = 0, expired = 0 }, 1
if fenced(key) then return redis.error_reply(FENCED) end
local fields, wanted = {}, {}
while at <= #ARGV do
  fields[#fields + 1] = ARGV[at]
  at = settle(nil, ARGV, at + 3)
end
local slots = want_slots(wanted, key, fields)
local unnamed = missing(wanted)
if unnamed then return unnamed end
free_slots(key, slots)
at = 1
while at <= #ARGV do
  local field, kind, id = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local there = redis.call('HDEL', key, field) == 1
  if there then
    ended[kind] = ended[kind] + 1
    forget_attempts(KEYS[2], id)
  end
  at = settle(there and kind, ARGV, at + 3)
end
for i = 3, 4 do count(KEYS[i], ended.done + ended.discarded) end
count(KEYS[5], ended.discarded)
count(KEYS[6], ended.expired)
return { ended.done, ended.discarded, ended.expired }
