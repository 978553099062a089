-- KEYS: parked, passes, limits, overrides, gates where jobs wait, queues, then the four of each gate (gates.lua), and
-- queues' lists. ARGV: prefixes of gates' and queues' keys, how many waiting jobs of each gate to look at, how old in
-- microseconds a pass that nobody used is forgotten or '', and the gates.
-- While a gate has room, the next that waits there goes with a pass to the front of its queue, if its other gates have
-- room as well; else it waits at the one that has none. A block of running code gets its slot at once, and is told.
-- Returns how many have passes now, in how many microseconds one of these gates may have room (-1: nobody knows), and
-- the gates that should be asked again; or the keys that are missing among KEYS.
local parked, moment, prefix = KEYS[1], now(), ARGV[1]
redis.call('HDEL', parked, '')
local wanted, gates, known = {}, {}, {}

local function want(name)
  for _, key in ipairs(gate_keys(prefix, name)) do wanted[#wanted + 1] = key end
end

local function gate_of(name)
  if not known[name] then
    local definition, override = definition_of(name, KEYS[3], KEYS[4])
    known[name] = look_at_gate(name, gate_keys(prefix, name), moment, definition, override)
  end
  return known[name]
end

for i = 5, #ARGV do want(ARGV[i]) end
local unnamed = missing(wanted)
if unnamed then return unnamed end

local function read_waiter(gate, ticket, arrival)
  local waiter, value = { ticket = ticket, arrival = arrival }, redis.call('HGET', parked, ticket)
  if value then -- of another job of this name, unless it waits here
    local names, from = read_list(value)
    for _, name in ipairs(names) do waiter.here = waiter.here or name == gate.name end
    waiter.value, waiter.names = waiter.here and value, names
    waiter.queue, waiter.payload = split(string.sub(value, from))
    for _, name in ipairs(names) do want(name) end
    wanted[#wanted + 1] = ARGV[2] .. waiter.queue
  else
    waiter.key, waiter.field, waiter.block = read_block_ticket(ticket)
    if waiter.key then
      waiter.woken = woken_key(prefix, waiter.key, waiter.field, waiter.block)
      wanted[#wanted + 1], wanted[#wanted + 2] = waiter.key, waiter.woken
    end
  end
  return waiter
end

-- Who may go is found out before anything is changed, since only he says which keys that concerns.
local candidates = {}
for i = 5, #ARGV do
  if redis.call('SISMEMBER', KEYS[5], ARGV[i]) == 1 then
    local gate, waiters = gate_of(ARGV[i]), {}
    local most = math.min(gate.room, tonumber(ARGV[3]))
    local tickets = most > 0 and redis.call('ZRANGE', gate.waiting, 0, most - 1, 'WITHSCORES') or {}
    for at = 1, #tickets, 2 do waiters[#waiters + 1] = read_waiter(gate, tickets[at], tickets[at + 1]) end
    gates[#gates + 1], candidates[gate] = gate, waiters
  end
end
unnamed = missing(wanted)
if unnamed then return unnamed end

local passed = {}

local function full_other(waiter)
  for _, name in ipairs(waiter.names) do
    if gate_of(name).room <= 0 then return gate_of(name) end
  end
  return nil
end

local function pass(waiter, digest)
  redis.call('HDEL', parked, waiter.ticket)
  for _, name in ipairs(waiter.names) do
    local gate = gate_of(name)
    redis.call('ZADD', gate.passed, score(moment + PASS), digest)
    gate.passes = gate.passes + 1
    recount(gate)
  end
  redis.call('HSET', KEYS[2], digest, waiter.arrival .. ' ' .. score(moment))
  passed[#passed + 1] = waiter
end

-- Lets a block of running code hold the gate, unless its job has ended.
local function let_in(gate, waiter)
  if fenced(waiter.key) or redis.call('HEXISTS', waiter.key, waiter.field) == 0 then return end
  let_block_in(gate, moment, waiter.key, waiter.field, waiter.block)
  redis.call('RPUSH', waiter.woken, 1)
  redis.call('EXPIRE', waiter.woken, WOKEN)
end

-- Whether the next one may be looked at.
local function settle(gate, waiter)
  if gate.room <= 0 then return false end
  local digest = waiter.value and redis.sha1hex(waiter.payload)
  if waiter.value then
    for _, name in ipairs(waiter.names) do -- its equal has a pass: they cannot be told apart
      if redis.call('ZSCORE', gate_of(name).passed, digest) then return false end
    end
  end
  redis.call('ZREM', gate.waiting, waiter.ticket)
  gate.waiters = gate.waiters - 1
  if waiter.key then let_in(gate, waiter) end
  if not waiter.value then return true end
  local full = full_other(waiter)
  if full then
    redis.call('ZADD', full.waiting, waiter.arrival, waiter.ticket)
    redis.call('SADD', KEYS[5], full.name)
    full.waiters = full.waiters + 1
  else
    waiter.gate, waiter.digest = gate, digest
    pass(waiter, digest)
  end
  return true
end

local again = {}
for _, gate in ipairs(gates) do
  local whole = true
  for _, waiter in ipairs(candidates[gate]) do
    whole = settle(gate, waiter)
    if not whole then break end
  end
  if whole and gate.waiters > 0 and gate.room > 0 then again[#again + 1] = gate.name end
end

local moved, kept = requeue(passed, ARGV[2], KEYS[6])
for _, waiter in ipairs(kept) do -- its queue is no list: it stays where it was
  redis.call('HSET', parked, waiter.ticket, waiter.value)
  redis.call('ZADD', waiter.gate.waiting, waiter.arrival, waiter.ticket)
  redis.call('HDEL', KEYS[2], waiter.digest)
  for _, name in ipairs(waiter.names) do drop_pass(gate_of(name), waiter.digest) end
  waiter.gate.waiters = waiter.gate.waiters + 1
end
if #kept > 0 then again = {} end

local due = -1
for _, gate in ipairs(gates) do
  if gate.waiters == 0 then
    redis.call('SREM', KEYS[5], gate.name)
  elseif gate.room <= 0 then
    local wait = due_in(gate, moment)
    if wait then due = due < 0 and wait or math.min(due, wait) end
  end
end
if ARGV[4] ~= '' then
  local some = redis.call('HSCAN', KEYS[2], 0, 'COUNT', 100)[2]
  for at = 1, #some, 2 do
    local given = tonumber(string.match(some[at + 1], ' (%d+)$') or 0)
    if given + tonumber(ARGV[4]) < moment then redis.call('HDEL', KEYS[2], some[at]) end
  end
end
return { moved, score(due), again }
