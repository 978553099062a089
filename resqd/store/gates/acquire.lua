-- KEYS: in-flight hash, parked, passes, limits, overrides, gates where jobs wait, then of each gate the four (gates.lua).
-- ARGV: 'force' or '', 'again' where the same jobs may have been asked about before or '', how many jobs may begin, and how
-- many of these at gates with little room; the jobs' tokens in ranges (tokens.lua), in order, and for each a line with the
-- ticket that it should have where it is parked; number of gates, name and definition of each; then lists of gates, of which
-- each job has one, and which, where there are several.
-- Takes all gates of a job or none. What finds a gate full, or others waiting there, is parked in the same step. 'force'
-- counts it, and lets it begin.
-- Returns a letter for each job, b (it begins), p (parked), o (over: there may begin no more) or g (gone), and the gates
-- where jobs wait though there is room. Asking again about the same jobs changes nothing.
-- All is read first and written last, each in a few commands for all jobs: a batch has hundreds.
local CHUNK = 500
local key, force, again = KEYS[1], ARGV[1] ~= '', ARGV[2] ~= ''
local most, most_tight, gate_count = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[7])
redis.call('HDEL', key, '!none') -- lets the rest pass at maxmemory
if fenced(key) then return redis.error_reply(FENCED) end
local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'none' and kind ~= 'hash' then return redis.error_reply('WRONGTYPE ' .. KEYS[2]) end
local moment, gates, lists, jobs = now(), {}, {}, {}
local unpassed = redis.call('HLEN', KEYS[3]) == 0 -- then there are no passes, and none that ran out

local limits = {}
local function limit_of(gate, definition)
  local name = string.match(gate, '^[^=]*')
  if not limits[name] then
    local known, override = definition_of(name, KEYS[4], KEYS[5])
    if not known then redis.call('HSET', KEYS[4], name, definition) end
    limits[name] = { known or definition, override }
  end
  return limits[name][1], limits[name][2]
end

local function read_gate(i, awaited)
  local first = 7 + 4 * (i - 1)
  local keys = { KEYS[first], KEYS[first + 1], KEYS[first + 2], KEYS[first + 3] }
  local definition, override = limit_of(ARGV[6 + 2 * i], ARGV[7 + 2 * i])
  local gate = look_at_gate(ARGV[6 + 2 * i], keys, moment, definition, override, unpassed, not awaited)
  gate.holders, gate.line = {}, {}
  -- While so much room is left, who takes more than his threads can start just now takes nothing from others.
  gate.spare = (gate.per and 0.9 or 0.25) * gate.most
  return gate
end

for first = 1, gate_count, CHUNK do
  local names = {}
  for i = first, math.min(first + CHUNK - 1, gate_count) do names[#names + 1] = ARGV[6 + 2 * i] end
  for i, awaited in ipairs(redis.call('SMISMEMBER', KEYS[6], unpack(names))) do
    gates[first + i - 1] = read_gate(first + i - 1, awaited == 1)
  end
end
local last = 7 + 2 * gate_count
for i = 1, tonumber(ARGV[last + 1]) do
  local own = {}
  for number in string.gmatch(ARGV[last + 1 + i], '%d+') do own[#own + 1] = gates[tonumber(number)] end
  lists[i] = own
end
for i, field in ipairs(expand(ARGV[5])) do jobs[i] = { field = field, own = lists[1], at = i } end
if #lists > 1 then
  local i = 0
  for number in string.gmatch(ARGV[#ARGV], '%d+') do
    i = i + 1
    jobs[i].own = lists[tonumber(number)]
  end
end

-- What HMGET says of each job's field, in chunks, since unpack has a limit.
local function look_up(asked, hash, field_of, note)
  for first = 1, #asked, CHUNK do
    local fields = {}
    for i = first, math.min(first + CHUNK - 1, #asked) do fields[#fields + 1] = field_of(asked[i]) end
    for i, value in ipairs(redis.call('HMGET', hash, unpack(fields))) do note(asked[first + i - 1], value) end
  end
end

local function read_entries(asked)
  look_up(asked, key, function(job) return job.field end, function(job, value) job.entry = value or nil end)
end

if again or not unpassed then
  read_entries(jobs)
  for _, job in ipairs(jobs) do job.gone = not job.entry end
  look_up(jobs, key, function(job) return SLOTS .. job.field end, function(job, value) job.begun = value end)
end
if not unpassed then
  for _, job in ipairs(jobs) do
    local _, payload = split(job.entry or '0:')
    job.digest = redis.sha1hex(payload)
  end
  look_up(jobs, KEYS[3], function(job) return job.digest end, function(job, value) job.since = value end)
end

local function full_gate(job)
  for _, gate in ipairs(job.own) do
    local pass = job.digest and gate.passes > 0 and redis.call('ZSCORE', gate.passed, job.digest)
    if not (pass and gate.used < gate.most or gate.room > 0 and gate.waiters == 0) then return gate end
  end
  return nil
end

local function is_tight(job)
  for _, gate in ipairs(job.own) do
    if gate.room - 1 < gate.spare then return true end
  end
  return false
end

local spent, taken, parked = {}, {}, {}

local function use_passes(job)
  if not job.digest then return end
  for _, gate in ipairs(job.own) do
    if gate.passes > 0 then drop_pass(gate, job.digest) end
  end
  if job.since then spent[#spent + 1] = job.digest end
end

local moment_score = score(moment)
local function take(job)
  local member, held = key .. '/' .. job.field, {}
  for _, gate in ipairs(job.own) do
    local n = #gate.holders
    gate.holders[n + 1], gate.holders[n + 2] = moment_score, member
    gate.used = gate.used + 1
    if not gate.per then held[#held + 1] = gate.held end
  end
  use_passes(job)
  for _, gate in ipairs(job.own) do recount(gate) end
  job.own.written = job.own.written or write_list(held)
  taken[#taken + 1] = SLOTS .. job.field
  taken[#taken + 1] = job.own.written
end

local function park(job, gate)
  job.gate = gate
  -- One that had a pass which ran out keeps its place among the others.
  job.arrival = string.match(job.since or '', '^%d+') or score(moment + #parked)
  use_passes(job)
  parked[#parked + 1] = job
  gate.waiters = gate.waiters + 1
end

local letters, begun, begun_tight = {}, 0, 0
for i, job in ipairs(jobs) do
  local open = not (job.gone or job.begun)
  local full = open and not force and full_gate(job)
  local tight = open and not full and is_tight(job)
  if job.gone then
    letters[i] = 'g'
  elseif full then
    park(job, full)
    letters[i] = 'p'
  elseif open and (begun >= most or tight and begun_tight >= most_tight) then
    letters[i] = 'o'
  else
    if open then take(job) end
    begun, begun_tight = begun + 1, begun_tight + (tight and 1 or 0)
    letters[i] = 'b'
  end
end

local function write(command, into, values)
  for first = 1, #values, 2 * CHUNK do
    redis.call(command, into, unpack(values, first, math.min(first + 2 * CHUNK - 1, #values)))
  end
end

if #taken > 0 then
  taken[#taken + 1], taken[#taken + 2] = GATED, 1
  write('HSET', key, taken)
end
write('HDEL', KEYS[3], spent)

-- A ticket that another parked job has gets a number, or what no other can have where many have the same id.
local function put_parked()
  local tickets, fields, known, values, i = {}, {}, {}, {}, 0
  for ticket in string.gmatch(ARGV[6], '[^\n]+') do
    i = i + 1
    tickets[i] = ticket
  end
  read_entries(parked)
  look_up(parked, KEYS[2], function(job) return tickets[job.at] end, function(job, value)
    if value then known[tickets[job.at]] = true end
  end)
  for n, job in ipairs(parked) do
    local ticket, times = tickets[job.at], 1
    while known[ticket] do
      times = times + 1
      ticket = tickets[job.at] .. '~' .. (times < 4 and times or redis.sha1hex(key .. '/' .. job.field))
      if redis.call('HEXISTS', KEYS[2], ticket) == 1 then known[ticket] = true end
    end
    known[ticket] = true
    if not job.own.named then
      local names = {}
      for j, gate in ipairs(job.own) do names[j] = gate.name end
      job.own.named = write_list(names)
    end
    fields[n] = job.field
    values[2 * n - 1], values[2 * n] = ticket, job.own.named .. job.entry
    local line = job.gate.line
    line[#line + 1] = job.arrival
    line[#line + 1] = ticket
  end
  write('HDEL', key, fields)
  write('HSET', KEYS[2], values)
end

if #parked > 0 then put_parked() end
local wake = {}
for _, gate in ipairs(gates) do
  write('ZADD', gate.per and gate.granted or gate.held, gate.holders)
  write('ZADD', gate.waiting, gate.line)
  if #gate.line > 0 then redis.call('SADD', KEYS[6], gate.name) end
  if gate.waiters > 0 and gate.room > 0 then wake[#wake + 1] = gate.name end
end
return { table.concat(letters), wake }
