-- KEYS: later, its jobs, attempts, then those of debts.
-- ARGV: for each job its ticket, the SHA-1 of its entry or '', and its debts (debts.lua). Takes jobs away.
-- Returns how many, then the tickets whose entries are others by now.
local later, jobs, gone, answer, at = KEYS[1], KEYS[2], 0, { 0 }, 1
local refusal = later_refusal(later, jobs)
if refusal then return redis.error_reply('WRONGTYPE ' .. refusal) end
while at <= #ARGV do
  local ticket, was, outcome = ARGV[at], ARGV[at + 1], nil
  local entry = redis.call('HGET', jobs, ticket)
  if entry and was ~= '' and redis.sha1hex(entry) ~= was then
    answer[#answer + 1] = ticket
  else
    take_later(later, jobs, ticket)
    if entry then
      gone, outcome = gone + 1, 'removed'
      redis.pcall('HDEL', KEYS[3], ticket)
    end
  end
  at = settle(outcome, ARGV, at + 2)
end
answer[1] = gone
return answer
