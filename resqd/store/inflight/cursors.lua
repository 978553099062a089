-- How far a long job has come, "cursor":"BASE64", spliced before its payload behind all counts.

-- Where the counts end that stand behind those of losses: tries, and how often it was passed on.
local function behind_counts(payload, past)
  past = string.match(payload, '^"attempts":%d+,()', past) or past
  return string.match(payload, '^"passed":%d+,()', past) or past
end

-- Behind the cursor as well.
local function behind_cursor(payload, past)
  return string.match(payload, '^"cursor":"[%w+/=]*",()', past) or past
end

-- A job that has come further is as if it had lost no process. Nil for a payload that cannot be counted.
local function with_cursor(payload, cursor)
  local first, past = read_counts(payload)
  if not first then return nil end
  local at = behind_counts(payload, past)
  local known, after = string.match(payload, '^"cursor":"([%w+/=]*)",()', at)
  local losses = known == cursor and string.sub(payload, first, past - 1) or '"deliveries":0,'
  local counts = losses .. string.sub(payload, past, at - 1)
  return string.sub(payload, 1, first - 1) .. counts .. '"cursor":"' .. cursor .. '",' .. string.sub(payload, after or at)
end

local function without_cursor(payload)
  local first, past = read_counts(payload)
  if not first then return payload end
  local at = behind_counts(payload, past)
  return string.sub(payload, 1, at - 1) .. string.sub(payload, behind_cursor(payload, at))
end
