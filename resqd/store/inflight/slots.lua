-- What a job in flight holds of its gates: the field !@TOKEN beside it lists the keys of their holders' sets, where it is
-- a member as INFLIGHT/TOKEN. Whatever ends the job or takes it away frees them in the same step.

local SLOTS = '!@'
local GATED = '!gated' -- the hash has, or had, a job with slots

-- The keys of one field's value; none for a job without limits.
local function slot_keys(value)
  local keys, at = {}, 1
  while value do
    local length, from = string.match(value, '^(%d+):()', at)
    if not length then break end
    at = from + tonumber(length)
    keys[#keys + 1] = string.sub(value, from, at - 1)
  end
  return keys
end

-- What these jobs hold, by token, and the keys added to those that are wanted.
local function want_slots(wanted, key, fields)
  local found = {}
  if redis.call('HEXISTS', key, GATED) == 0 then return found end
  for _, field in ipairs(fields) do
    local value = redis.call('HGET', key, SLOTS .. field)
    if value then
      found[field] = slot_keys(value)
      for _, held in ipairs(found[field]) do wanted[#wanted + 1] = held end
    end
  end
  return found
end

local function free_slots(key, found)
  for field, keys in pairs(found) do
    for _, held in ipairs(keys) do redis.pcall('ZREM', held, key .. '/' .. field) end
    redis.call('HDEL', key, SLOTS .. field)
  end
end

-- The same of all jobs of a hash.
local function all_slots(wanted, key)
  local found, fields = {}, redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local field = string.match(fields[i], '^!@(.+)$')
    if field then
      found[field] = slot_keys(fields[i + 1])
      for _, held in ipairs(found[field]) do wanted[#wanted + 1] = held end
    end
  end
  return found
end
