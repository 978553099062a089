-- KEYS: in-flight hash, limits, what daemons declare, overrides, gates where jobs wait, the four of the gate (gates.lua),
-- and the list by which the block is told. ARGV: token of the running job, number of the block, name of the gate, its
-- definition or '', 'force' or ''.
-- Lets a block of a job's code hold a gate; where it is full, or others wait there, the block stands in line as well.
-- Returns 'in', 'wait', 'gone' where the job is in flight no more, or 'unknown' where nobody has defined the limit; in how
-- many microseconds there may be room (-1: nobody knows); and whether others should be let go on first. Asking again changes
-- nothing, and is how a block that waits makes sure.
local key, field, block, name = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
redis.call('HDEL', key, '!none') -- lets the rest pass at maxmemory
if fenced(key) then return redis.error_reply(FENCED) end
if redis.call('HEXISTS', key, field) == 0 then return { 'gone', -1, 0 } end

-- What no daemon declares, but code uses, is a limit for an hour after its last use (publish.lua).
local function define(moment)
  local limit, given = string.match(name, '^[^=]*'), ARGV[4]
  local known, own = redis.call('HGET', KEYS[2], limit), USED .. limit
  if given == '' then return known end
  local since, used = string.match(redis.call('HGET', KEYS[3], own) or '', '^(%d+)\n([^\t\n]+)\t')
  if known and known ~= used then return known end
  if used ~= given or tonumber(since) + 60000000 < moment then
    redis.call('HSET', KEYS[3], own, score(moment) .. '\n' .. given .. '\t' .. limit .. '\n')
  end
  redis.call('HSET', KEYS[2], limit, given)
  return given
end

local moment = now()
local definition = define(moment)
if not definition then return { 'unknown', -1, 0 } end
local _, override = definition_of(name, KEYS[2], KEYS[4])
local gate = look_at_gate(name, { KEYS[6], KEYS[7], KEYS[8], KEYS[9] }, moment, definition, override)
local member, ticket = table.concat({ key, field, block }, '/'), block_ticket(key, field, block)
if redis.call('ZSCORE', gate.per and gate.granted or gate.held, member) then return { 'in', -1, 0 } end

local first = redis.call('ZRANGE', gate.waiting, 0, 0)[1]
if ARGV[5] ~= '' or gate.room > 0 and (not first or first == ticket) then
  redis.call('ZREM', gate.waiting, ticket)
  let_block_in(gate, moment, key, field, block)
  return { 'in', -1, 0 }
end
redis.call('ZADD', gate.waiting, 'NX', score(moment), ticket)
redis.call('SADD', KEYS[5], name)
return { 'wait', gate.room <= 0 and due_in(gate, moment) or -1, gate.room > 0 and 1 or 0 }
