-- What a job in flight holds of its gates: the field !@TOKEN beside it lists the keys of their holders' sets, where it is
-- a member as INFLIGHT/TOKEN. What it holds for a block of its code is there as INFLIGHT/TOKEN/BLOCK, and listed as
-- NEWLINE BLOCK NEWLINE KEY. Whatever ends the job or takes it away frees them in the same step.

local SLOTS = '!@'
local GATED = '!gated' -- the hash has, or had, a job with slots

-- The texts that one field's value lists; none for a job without limits.
local function slot_texts(value)
  local texts, at = {}, 1
  while value do
    local length, from = string.match(value, '^(%d+):()', at)
    if not length then break end
    at = from + tonumber(length)
    texts[#texts + 1] = string.sub(value, from, at - 1)
  end
  return texts
end

local SLOTS_CHUNK = 500

-- What jobs hold: their fields here, and the members of each set, whose key is added to those that are wanted. Most jobs
-- of a batch hold the same, which is read once.
local function new_slots(wanted, key)
  return { wanted = wanted, key = key, fields = {}, sets = {}, seen = {} }
end

local function members_of(found, held)
  local members = found.sets[held]
  if not members then
    members = {}
    found.sets[held], found.wanted[#found.wanted + 1] = members, held
  end
  return members
end

local function add_slots(found, field, value)
  local texts, member = found.seen[value], found.key .. '/' .. field
  if not texts then
    texts = slot_texts(value)
    found.seen[value] = texts
  end
  for _, text in ipairs(texts) do
    local block, held = string.match(text, '^\n(%d+)\n(.*)$')
    local members = members_of(found, held or text)
    members[#members + 1] = block and member .. '/' .. block or member
  end
  found.fields[#found.fields + 1] = SLOTS .. field
end

-- What these jobs hold.
local function want_slots(wanted, key, fields)
  local found = new_slots(wanted, key)
  if redis.call('HEXISTS', key, GATED) == 0 then return found end
  for first = 1, #fields, SLOTS_CHUNK do
    local asked = {}
    for i = first, math.min(first + SLOTS_CHUNK - 1, #fields) do asked[#asked + 1] = SLOTS .. fields[i] end
    for i, value in ipairs(redis.call('HMGET', key, unpack(asked))) do
      if value then add_slots(found, fields[first + i - 1], value) end
    end
  end
  return found
end

local function free_slots(key, found)
  for held, members in pairs(found.sets) do
    for first = 1, #members, SLOTS_CHUNK do
      redis.pcall('ZREM', held, unpack(members, first, math.min(first + SLOTS_CHUNK - 1, #members)))
    end
  end
  for first = 1, #found.fields, SLOTS_CHUNK do
    redis.call('HDEL', key, unpack(found.fields, first, math.min(first + SLOTS_CHUNK - 1, #found.fields)))
  end
end

-- What all jobs of a hash hold.
local function all_slots(wanted, key)
  local found, fields = new_slots(wanted, key), redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local field = string.match(fields[i], '^!@(.+)$')
    if field then add_slots(found, field, fields[i + 1]) end
  end
  return found
end

-- The names of those gates that are free now and have waiters; `prefix` is that of the holders' sets.
local function awaited(found, prefix, gates)
  local names, awaiting = {}, {}
  for held in pairs(found.sets) do names[#names + 1] = string.sub(held, #prefix + 1) end
  for first = 1, #names, SLOTS_CHUNK do
    local last = math.min(first + SLOTS_CHUNK - 1, #names)
    for i, waits in ipairs(redis.call('SMISMEMBER', gates, unpack(names, first, last))) do
      if waits == 1 then awaiting[#awaiting + 1] = names[first + i - 1] end
    end
  end
  return awaiting
end
