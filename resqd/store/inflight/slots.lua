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

-- The sets that these are members of, added to the keys that are wanted, and as which member each.
local function read_slots(wanted, key, field, value)
  local slots, member = {}, key .. '/' .. field
  for i, text in ipairs(slot_texts(value)) do
    local block, held = string.match(text, '^\n(%d+)\n(.*)$')
    slots[i] = { held = held or text, member = block and member .. '/' .. block or member }
    wanted[#wanted + 1] = slots[i].held
  end
  return slots
end

-- What these jobs hold, by token, and the keys added to those that are wanted.
local function want_slots(wanted, key, fields)
  local found = {}
  if redis.call('HEXISTS', key, GATED) == 0 then return found end
  for _, field in ipairs(fields) do
    local value = redis.call('HGET', key, SLOTS .. field)
    if value then found[field] = read_slots(wanted, key, field, value) end
  end
  return found
end

local function free_slots(key, found)
  for field, slots in pairs(found) do
    for _, slot in ipairs(slots) do redis.pcall('ZREM', slot.held, slot.member) end
    redis.call('HDEL', key, SLOTS .. field)
  end
end

-- The same of all jobs of a hash.
local function all_slots(wanted, key)
  local found, fields = {}, redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local field = string.match(fields[i], '^!@(.+)$')
    if field then found[field] = read_slots(wanted, key, field, fields[i + 1]) end
  end
  return found
end
