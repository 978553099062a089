-- A gate is what a limit counts: LIMIT, or LIMIT=VALUE where it counts each value by itself. Four sorted sets: `held` by
-- jobs in flight (INFLIGHT/TOKEN by the moment), `waiting` (tickets by arrival), `passed` (digests of payloads that went
-- back to their queues with a pass, by the moment when that expires), and `granted`, for a rate, as `held` for the others.
-- A definition is 'c MOST' (concurrency) or 'r MOST MICROSECONDS' (rate). A job waits at one gate, the first that was full.

local PASS = 5000000
local SPREAD = 0.004 -- by so much a rate's span is longer than declared, by MOST_SPREAD at the most: jobs that were let go
local MOST_SPREAD = 20000 -- in time need not all take as long to begin, and no span may see more of them begin
local USED = '!' -- before the name of a limit that only blocks of code have defined, among what daemons declare

local function score(moment) return string.format('%d', moment) end

-- Texts of any bytes as one, and read again: also where they end.
local function write_list(texts)
  local parts = {}
  for i, text in ipairs(texts) do parts[i] = join(text, '') end
  return table.concat(parts) .. '|'
end

local function read_list(text)
  local texts, at = {}, 1
  while true do
    local length, from = string.match(text, '^(%d+):()', at)
    if not length then return texts, at + 1 end
    at = from + tonumber(length)
    texts[#texts + 1] = string.sub(text, from, at - 1)
  end
end

local function gate_keys(prefix, gate)
  return { prefix .. 'held:' .. gate, prefix .. 'waiting:' .. gate, prefix .. 'passed:' .. gate,
    prefix .. 'granted:' .. gate }
end

-- The limit's own words, and what people have set in their place; none for a limit that nobody declares any more.
local function definition_of(gate, limits, overrides)
  local name = string.match(gate, '^[^=]*')
  return redis.call('HGET', limits, name), redis.call('HGET', overrides, name)
end

local function recount(gate)
  gate.room = gate.most - gate.used - gate.passes
end

-- A gate as it is at this moment. What stands in the future, since the clock went back, counts from now on. `unpassed`
-- says that there are no passes at all, `unawaited` that nobody waits here: then there is less to look at.
local function look_at_gate(name, keys, moment, definition, override, unpassed, unawaited)
  local kind, most, per = string.match(definition or '', '^([cr]) (%d+) ?(%d*)$')
  local gate = { name = name, held = keys[1], waiting = keys[2], passed = keys[3], granted = keys[4],
    most = kind and tonumber(override or most) or math.huge }
  gate.per = kind == 'r' and per + math.min(math.floor(per * SPREAD), MOST_SPREAD)
  if not unpassed then
    redis.call('ZREMRANGEBYSCORE', gate.passed, '-inf', score(moment))
    redis.call('ZREMRANGEBYSCORE', gate.passed, '(' .. score(moment + PASS), '+inf')
  end
  if gate.per then
    redis.call('ZREMRANGEBYSCORE', gate.granted, '-inf', score(moment - gate.per))
    for _, member in ipairs(redis.call('ZRANGE', gate.granted, '(' .. score(moment), '+inf', 'BYSCORE')) do
      redis.call('ZADD', gate.granted, score(moment), member)
    end
  end
  gate.used = redis.call('ZCARD', gate.per and gate.granted or gate.held)
  gate.passes = unpassed and 0 or redis.call('ZCARD', gate.passed)
  gate.waiters = unawaited and 0 or redis.call('ZCARD', gate.waiting)
  recount(gate)
  return gate
end

-- In how many microseconds a gate that is full may have room by itself; nil where nobody knows.
local function due_in(gate, moment)
  local first = redis.call('ZRANGE', gate.passed, 0, 0, 'WITHSCORES')[2]
  local wait = first and first - moment
  local oldest = gate.per and redis.call('ZRANGE', gate.granted, 0, 0, 'WITHSCORES')[2]
  if oldest then wait = math.min(wait or math.huge, oldest + gate.per - moment) end
  return wait
end

local function drop_pass(gate, digest)
  if redis.call('ZREM', gate.passed, digest) == 1 then
    gate.passes = gate.passes - 1
    recount(gate)
  end
end

-- A block of a running job's code that holds a gate waits under this name, and is told by a push to `woken`.
local WOKEN = 10 -- seconds for which that is kept for who asks

local function block_ticket(key, field, block)
  return table.concat({ '', key, field, block }, '\n')
end

local function read_block_ticket(ticket)
  return string.match(ticket, '^\n(.+)\n(%d+%.%d+)\n(%d+)$')
end

local function woken_key(prefix, key, field, block)
  return table.concat({ prefix .. 'woken:' .. key, field, block }, '/')
end

local function let_block_in(gate, moment, key, field, block)
  redis.call('ZADD', gate.per and gate.granted or gate.held, score(moment), table.concat({ key, field, block }, '/'))
  gate.used = gate.used + 1
  recount(gate)
  if gate.per then return end -- what has begun counts, and is given back by nobody
  local texts = slot_texts(redis.call('HGET', key, SLOTS .. field))
  texts[#texts + 1] = table.concat({ '', block, gate.held }, '\n')
  redis.call('HSET', key, SLOTS .. field, write_list(texts), GATED, 1)
end
