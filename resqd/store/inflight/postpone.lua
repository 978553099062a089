-- KEYS: in-flight hash, later, its jobs, attempts, counters (retried, timed out), then holders of slots.
-- ARGV: for each job token, delay in microseconds, 'retry', 'timeout', 'snooze' or 'elsewhere', the ticket that it should have, the
-- key of what is kept of its tries or '', an id to splice or '', and the try to keep.
-- From in flight to later, in one step. Due by this server's clock.
-- Returns how many moved, how many of these are retries, and how many had timed out; then what refused the others, and
-- their tokens: they stay in flight.
local key = KEYS[1]
if fenced(key) then return redis.error_reply(FENCED) end
local answer, moved, retried, late, at = { 0, 0, 0, '' }, 0, 0, 0, 1
local refusal = later_refusal(KEYS[2], KEYS[3])
local fields, wanted = {}, {}
for i = 1, #ARGV, 7 do fields[#fields + 1] = ARGV[i] end
local slots = want_slots(wanted, key, fields)
local unnamed = missing(wanted)
if unnamed then return unnamed end
free_slots(key, slots)
while at <= #ARGV do
  local field, delay, kind, id = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 4]
  local entry = redis.call('HGET', key, field)
  if entry and refusal then
    answer[4], answer[#answer + 1] = refusal, field
  elseif entry then
    local queue, payload = split(entry)
    local counted = kind == 'retry' or kind == 'timeout'
    redis.call('HDEL', key, field)
    if kind == 'elsewhere' then
      payload = add_pass(payload, ARGV[at + 5]) or payload
    else
      payload = add_attempt(payload, counted and 1 or 0, ARGV[at + 5]) or payload
    end
    put_later(KEYS[2], KEYS[3], ARGV[at + 3], now() + delay, queue, payload)
    if counted and id ~= '' then remember(KEYS[4], id, ARGV[at + 6]) end
    moved = moved + 1
    if counted then retried = retried + 1 end
    if kind == 'timeout' then late = late + 1 end
  end
  at = at + 7
end
count(KEYS[5], retried)
count(KEYS[6], late)
answer[1], answer[2], answer[3] = moved, retried, late
return answer
