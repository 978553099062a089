-- KEYS: in-flight hash, attempts, counters (two of processed jobs, discarded, expired), those of debts, and holders of
-- slots. ARGV: how many groups of jobs that are done and owe nothing but their place in one batch, each as how many keys
-- of the batch (batches.lua), these, their tokens in ranges (tokens.lua), and what they are called there; then for each
-- other job token, 'done', 'discarded' or 'expired', the key of what is kept of its tries or '', and its debts
-- (debts.lua). The ends of jobs without a record that are no plain successes.
-- Returns how many of each kind were really there.
local key, ended, at = KEYS[1], { done = 0, discarded = 0, expired = 0 }, 2
if fenced(key) then return redis.error_reply(FENCED) end
local fields, wanted, groups = {}, {}, {}
for _ = 1, tonumber(ARGV[1]) do
  local group = { keys = {}, members = {} }
  for i = at + 1, at + ARGV[at] do group.keys[#group.keys + 1] = ARGV[i] end
  at = at + #group.keys + 1
  group.fields = expand(ARGV[at])
  for _, field in ipairs(group.fields) do fields[#fields + 1] = field end
  for member in string.gmatch(ARGV[at + 1], '%S+') do group.members[#group.members + 1] = member end
  groups[#groups + 1] = group
  at = at + 2
end
local singles = at
while at <= #ARGV do
  fields[#fields + 1] = ARGV[at]
  at = settle(nil, ARGV, at + 3)
end
local slots = want_slots(wanted, key, fields)
local unnamed = missing(wanted)
if unnamed then return unnamed end
free_slots(key, slots)

-- What is not in flight any more has ended before, by a copy of this request, and ends in its batch but once.
for _, group in ipairs(groups) do
  ended.done = ended.done + delete(key, group.fields)
  pcall(end_done, group.keys, FIRST, group.members)
end
at = singles
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
