-- The fields for tokens sent as ranges, "SEQ:FIRST-LAST;SEQ:ONLY".

local DIGITS = { '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' }

-- Appends the fields SEQ.FIRST to SEQ.LAST. Ten of them share all but the last digit: writing numbers is what costs.
local function number_fields(fields, seq, first, last)
  local n = #fields
  while first <= last do
    local tens = math.floor(first / 10)
    local head = seq .. '.' .. (tens > 0 and tens or '')
    for digit = first % 10, math.min(9, last - tens * 10) do
      n = n + 1
      fields[n] = head .. DIGITS[digit + 1]
    end
    first = tens * 10 + 10
  end
end

local function expand(text)
  local fields = {}
  for seq, first, last in string.gmatch(text, '(%d+):(%d+)%-?(%d*)') do
    if last == '' then
      fields[#fields + 1] = seq .. '.' .. first
    else
      number_fields(fields, seq, tonumber(first), tonumber(last))
    end
  end
  return fields
end

local function fenced(key)
  return redis.call('HEXISTS', key, '!seq') == 0
end

local FENCED = 'FENCED recovery took the jobs of this incarnation'

-- Deletes fields in chunks, because unpack has a limit. Returns how many were there.
local function delete(key, fields)
  local deleted = 0
  for i = 1, #fields, 500 do
    deleted = deleted + redis.call('HDEL', key, unpack(fields, i, math.min(i + 499, #fields)))
  end
  return deleted
end

-- A counter of a wrong type costs its count, never a job.
local function count(key, number)
  if number > 0 then redis.pcall('INCRBY', key, number) end
end
