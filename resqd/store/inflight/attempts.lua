-- Tries of a job that failed: their number, spliced before its payload behind the counts of losses, and what became
-- of the last ones: under the job's id in a hash, a JSON list with one try on each line.

local MOST_REMEMBERED = 10
local BACKTRACE = ',"backtrace":['

-- The id, which may be '', behind all that else is spliced in.
local function with_id(payload, id)
  if id == '' then return payload end
  local _, past = read_counts(payload)
  local at = behind_cursor(payload, behind_counts(payload, past))
  return string.sub(payload, 1, at - 1) .. '"id":"' .. id .. '",' .. string.sub(payload, at)
end

-- One try more, and `id`, which may be '', as the payload's own. Nil for a payload that cannot be counted.
local function add_attempt(payload, more, id)
  local first, past = read_counts(payload)
  if not first then return nil end
  local attempts, after = string.match(payload, '^"attempts":(%d+),()', past)
  if #(attempts or '') > 9 then return nil end
  local spliced = more > 0 and string.format('"attempts":%d,', (attempts or 0) + more) or ''
  if more == 0 then after = past end
  return with_id(string.sub(payload, 1, past - 1) .. spliced .. string.sub(payload, after or past), id)
end

-- Passed on once more by a daemon that does not know its class: counted behind the tries.
local function add_pass(payload, id)
  local first, past = read_counts(payload)
  if not first then return nil end
  past = string.match(payload, '^"attempts":%d+,()', past) or past
  local passed, after = string.match(payload, '^"passed":(%d+),()', past)
  if #(passed or '') > 9 then return nil end
  local spliced = string.format('"passed":%d,', (passed or 0) + 1)
  return with_id(string.sub(payload, 1, past - 1) .. spliced .. string.sub(payload, after or past), id)
end

-- Appends a try. Only the last one keeps its backtrace, which stands last in its object.
local function remember(key, id, try)
  local lines, known = {}, redis.pcall('HGET', key, id)
  if type(known) == 'string' then
    for line in string.gmatch(string.sub(known, 2, -2), '[^\n]+') do
      local at = string.find(line, BACKTRACE, 1, true)
      lines[#lines + 1] = at and string.sub(line, 1, at - 1) .. '}' or string.gsub(line, ',$', '')
    end
  end
  lines[#lines + 1] = try
  local first = math.max(1, #lines - MOST_REMEMBERED + 1)
  redis.pcall('HSET', key, id, '[' .. table.concat(lines, ',\n', first) .. ']')
end

-- A failure record with the tries before this one in it.
local function with_attempts(record, key, id)
  local known = id ~= '' and record ~= '' and redis.pcall('HGET', key, id)
  if type(known) ~= 'string' then return record end
  return string.sub(record, 1, -2) .. ',"attempts":' .. known .. '}'
end

local function forget_attempts(key, id)
  if id ~= '' then redis.pcall('HDEL', key, id) end
end
