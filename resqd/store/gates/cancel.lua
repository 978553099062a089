-- KEYS: parked, then the four of each gate (gates.lua), and the keys of debts. ARGV: prefix of gates' keys, then for each
-- job its ticket, the digest of what was seen under it, and its debts (debts.lua), which are settled.
-- Takes parked jobs away. Returns the tickets of those that were there; or the keys that are missing among KEYS.
local jobs, wanted, cancelled, at = {}, {}, {}, 2
while at <= #ARGV do
  local job = { ticket = ARGV[at], debts = at + 2 }
  local value = redis.call('HGET', KEYS[1], job.ticket)
  if value and redis.sha1hex(value) == ARGV[at + 1] then
    job.names = read_list(value)
    for _, name in ipairs(job.names) do wanted[#wanted + 1] = gate_keys(ARGV[1], name)[2] end
    jobs[#jobs + 1] = job
  end
  at = settle(nil, ARGV, at + 2)
end
local unnamed = missing(wanted)
if unnamed then return unnamed end
for _, job in ipairs(jobs) do
  if redis.call('HDEL', KEYS[1], job.ticket) == 1 then
    for _, name in ipairs(job.names) do redis.call('ZREM', gate_keys(ARGV[1], name)[2], job.ticket) end
    settle('removed', ARGV, job.debts)
    cancelled[#cancelled + 1] = job.ticket
  end
end
return cancelled
