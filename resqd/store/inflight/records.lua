-- Failure records. A job that has failed, and whose record no list takes, keeps its entry and has the record beside
-- it, in the field '!TOKEN', as !LISTS;LENGTH:MEMBER LENGTH:LIST... RECORD without the spaces. It has run and must
-- not run again; whoever comes next tries to record it: its owner, or recovery when that one is gone.

-- Appends a record to its lists, and its member to the set of failed queues. One list that takes it is enough, or
-- the next try would record it twice there. Returns what refused it, if each list did.
local function keep_record(record, member, lists, members)
  local taken, refusal = #lists == 0, nil
  for _, list in ipairs(lists) do
    local reply = redis.pcall('RPUSH', list, record)
    if refused(reply) then refusal = list .. ': ' .. reply.err else taken = true end
  end
  if not taken then return refusal end
  if member ~= '' then redis.pcall('SADD', members, member) end
  return nil
end

local function join_record(record, member, lists)
  local parts = { '!', #lists, ';', join(member, '') }
  for _, list in ipairs(lists) do parts[#parts + 1] = join(list, '') end
  parts[#parts + 1] = record
  return table.concat(parts)
end

-- The record, the member and the lists of what join_record made; nil where that cannot be read.
local function split_record(joined)
  local count, rest, member = string.match(joined, '^!(%d+);(.*)$')
  if not count then return nil end
  local lists = {}
  member, rest = split(rest)
  for i = 1, tonumber(count) do
    if rest then lists[i], rest = split(rest) end
  end
  return rest, member, lists
end

-- The same as keep_record, for a record that stands beside its job.
local function keep_joined(joined, members)
  local record, member, lists = split_record(joined)
  if not record then return 'a record that cannot be read' end
  return keep_record(record, member, lists, members)
end

-- Appends the lists that a record beside its job is for to the keys that are wanted.
local function want_lists(wanted, joined)
  local record, _, lists = split_record(joined)
  for _, list in ipairs(record and lists or {}) do wanted[#wanted + 1] = list end
end

-- The token whose record a field holds.
local function recorded_token(field)
  return string.match(field, '^!(%d+%.%d+)$')
end

-- The fields of all items but those that stay, records included.
local function fields_of_gone(items, stays)
  local fields = {}
  for _, item in ipairs(items) do
    if not stays[item.field] then
      fields[#fields + 1] = item.field
      if item.record then fields[#fields + 1] = '!' .. item.field end
    end
  end
  return fields
end
