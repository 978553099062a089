-- KEYS: in-flight hash, parked, passes, limits, overrides, gates where jobs wait, then of each gate the four (gates.lua).
-- ARGV: 'force' or '', how many jobs may begin, and how many that have gates, number of gates, name and definition of each; then for each job, in
-- order, its token, the ticket that it should have where it is parked, number of its gates, and which ones.
-- Takes all gates of a job or none; a job without gates only counts among those that may begin. What finds a gate full,
-- or others waiting there, is parked in the same step. 'force' counts it, and lets it begin.
-- Returns for each job 'begin', 'parked', 'over' (there may begin no more) or 'gone', and the gates where jobs wait though
-- there is room. Asking again about the same jobs changes nothing.
local key, force, most, most_gated = KEYS[1], ARGV[1] ~= '', tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('HDEL', key, '!none') -- lets the rest pass at maxmemory
if fenced(key) then return redis.error_reply(FENCED) end
local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'none' and kind ~= 'hash' then return redis.error_reply('WRONGTYPE ' .. KEYS[2]) end
local moment, gates, at, begun, begun_gated, arrivals = now(), {}, 5, 0, 0, 0
for i = 1, tonumber(ARGV[4]) do
  local name, definition, first = ARGV[at], ARGV[at + 1], 7 + 4 * (i - 1)
  local known, override = definition_of(name, KEYS[4], KEYS[5])
  if not known then redis.call('HSET', KEYS[4], string.match(name, '^[^=]*'), definition) end
  local keys = { KEYS[first], KEYS[first + 1], KEYS[first + 2], KEYS[first + 3] }
  gates[i] = look_at_gate(name, keys, moment, known or definition, override)
  at = at + 2
end

local function full_gate(own, digest)
  for _, gate in ipairs(own) do
    local pass = gate.passes > 0 and redis.call('ZSCORE', gate.passed, digest)
    if not (pass and gate.used < gate.most or gate.room > 0 and gate.waiters == 0) then return gate end
  end
  return nil
end

local function take(field, own, digest)
  local member, held = key .. '/' .. field, {}
  for _, gate in ipairs(own) do
    redis.call('ZADD', gate.per and gate.granted or gate.held, score(moment), member)
    if not gate.per then held[#held + 1] = gate.held end
    gate.used = gate.used + 1
    drop_pass(gate, digest)
    recount(gate)
  end
  redis.call('HDEL', KEYS[3], digest)
  redis.call('HSET', key, SLOTS .. field, write_list(held), GATED, 1)
end

local function park(field, entry, id, own, digest, gate)
  local names, ticket, n = {}, id, 1
  for i, each in ipairs(own) do names[i] = each.name end
  local value = write_list(names) .. entry
  redis.call('HDEL', key, field)
  while redis.call('HSETNX', KEYS[2], ticket, value) == 0 do
    n = n + 1
    ticket = id .. '~' .. n
  end
  -- One that had a pass which ran out keeps its place among the others.
  local arrival = string.match(redis.call('HGET', KEYS[3], digest) or '', '^%d+') or score(moment + arrivals)
  arrivals = arrivals + 1
  redis.call('HDEL', KEYS[3], digest)
  for _, each in ipairs(own) do drop_pass(each, digest) end
  redis.call('ZADD', gate.waiting, arrival, ticket)
  redis.call('SADD', KEYS[6], gate.name)
  gate.waiters = gate.waiters + 1
end

local function judge(field, ticket, own)
  local entry = redis.call('HGET', key, field)
  if not entry then return 'gone' end
  if redis.call('HEXISTS', key, SLOTS .. field) == 1 then
    begun, begun_gated = begun + 1, begun_gated + 1
    return 'begin'
  end
  local _, payload = split(entry)
  local digest = #own > 0 and redis.sha1hex(payload)
  local full = #own > 0 and not force and full_gate(own, digest)
  if full then
    park(field, entry, ticket, own, digest, full)
    return 'parked'
  end
  if begun >= most or #own > 0 and begun_gated >= most_gated then return 'over' end
  begun = begun + 1
  if #own > 0 then
    take(field, own, digest)
    begun_gated = begun_gated + 1
  end
  return 'begin'
end

local verdicts, wake = {}, {}
while at <= #ARGV do
  local field, ticket, count, own = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), {}
  for i = 1, count do own[i] = gates[tonumber(ARGV[at + 2 + i])] end
  verdicts[#verdicts + 1] = judge(field, ticket, own)
  at = at + 3 + count
end
for _, gate in ipairs(gates) do
  if gate.waiters > 0 and gate.room > 0 then wake[#wake + 1] = gate.name end
end
return { verdicts, wake }
