-- KEYS: later, its jobs. ARGV: 'in' or 'at', microseconds from now or since 1970, queue, then id and payload of each
-- job, in order. Returns their tickets.
local refusal = later_refusal(KEYS[1], KEYS[2])
if refusal then return redis.error_reply('WRONGTYPE ' .. refusal) end

local due, tickets = tonumber(ARGV[2]), {}
if ARGV[1] == 'in' then due = due + now() end
for i = 4, #ARGV, 2 do
  local ticket, moment = put_later(KEYS[1], KEYS[2], ARGV[i], due, ARGV[3], ARGV[i + 1])
  tickets[#tickets + 1], due = ticket, moment + 1
end
return tickets
