-- An entry is LENGTH:QUEUE followed by the payload; LENGTH counts the bytes of the queue's name.
-- Fields that begin with '!' belong to the protocol: !seq and !n (the last batch), !home, !who, and !TOKEN, the
-- record of a failed job that no list takes (records.lua).

local function refused(reply)
  return type(reply) == 'table' and reply.err
end

local function split(entry)
  local length, from = string.match(entry, '^(%d+):()')
  if not length then return nil end
  local past = from + tonumber(length)
  return string.sub(entry, from, past - 1), string.sub(entry, past)
end

local function join(queue, payload)
  return #queue .. ':' .. queue .. payload
end

-- The counts spliced before a payload: where they begin and end, deliveries, and recoveries without a charge.
-- None for a payload that is no JSON object with members, or whose counts only a producer can have written.
local function read_counts(payload)
  local first = string.match(payload, '^[ \t\r\n]*{()')
  if not first then return nil end
  local deliveries, past = string.match(payload, '^"deliveries":(%d+),()', first)
  if not deliveries then
    if string.match(payload, '^[ \t\r\n]*"', first) then return first, first, 0, 0 end
    return nil
  end
  local recoveries, after = string.match(payload, '^"recoveries":(%d+),()', past)
  if #deliveries > 9 or #(recoveries or '') > 9 then return nil end
  return first, after or past, tonumber(deliveries), tonumber(recoveries or 0)
end

-- So many deliveries and recoveries more. A payload that cannot be counted stays as it is.
local function add_counts(payload, more_deliveries, more_recoveries)
  local first, past, deliveries, recoveries = read_counts(payload)
  if not first then return payload end
  local counts = string.format('"deliveries":%d,', deliveries + more_deliveries)
  recoveries = recoveries + more_recoveries
  if recoveries > 0 then counts = counts .. string.format('"recoveries":%d,', recoveries) end
  return string.sub(payload, 1, first - 1) .. counts .. string.sub(payload, past)
end

local function charge(payload)
  return add_counts(payload, 1, 0)
end

local function forgive(payload)
  return add_counts(payload, 0, 1)
end

-- Puts values, in their order, before all others. Returns how many of the first ones were refused.
local function push_front(key, values)
  local last = #values
  while last > 0 do
    local first, chunk = math.max(1, last - 499), {}
    for i = last, first, -1 do chunk[#chunk + 1] = values[i] end
    if refused(redis.pcall('LPUSH', key, unpack(chunk))) then return last end
    last = first - 1
  end
  return 0
end

-- Every key that a script touches is among its KEYS, which some engines insist on. Which queues and lists that are may
-- only be known from what the hash holds: then the script answers with those that it misses, before it has changed
-- anything, and is asked again with them (Link.run_naming). Nil where none is missing.
local function missing(wanted)
  local named, answer = {}, { 'UNNAMED' }
  for _, key in ipairs(KEYS) do named[key] = true end
  for _, key in ipairs(wanted) do
    if not named[key] then
      named[key] = true
      answer[#answer + 1] = key
    end
  end
  return #answer > 1 and answer or nil
end

-- Puts items {queue =, payload =} back to the fronts of their queues, in order, and the names into `queues`.
-- Returns how many moved, and those that their queue refused.
local function requeue(items, prefix, queues)
  local names, groups = {}, {}
  for _, item in ipairs(items) do
    local group = groups[item.queue]
    if not group then
      group = { items = {}, payloads = {} }
      groups[item.queue], names[#names + 1] = group, item.queue
    end
    table.insert(group.items, item)
    table.insert(group.payloads, item.payload)
  end
  local kept = {}
  for _, name in ipairs(names) do
    local group = groups[name]
    local left = push_front(prefix .. name, group.payloads)
    for i = 1, left do kept[#kept + 1] = group.items[i] end
    if left < #group.items then redis.pcall('SADD', queues, name) end
  end
  return #items - #kept, kept
end

-- The same for the list of suspects, whose values are entries.
local function requeue_suspects(items, suspects)
  local entries, kept = {}, {}
  for i, item in ipairs(items) do entries[i] = join(item.queue, item.payload) end
  for i = 1, push_front(suspects, entries) do kept[i] = items[i] end
  return #items - #kept, kept
end

-- All entries of a hash in the order in which they were reserved, with the records that stand beside them, and how
-- many cannot be read.
local function read_items(key)
  local items, records, unreadable = {}, {}, 0
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local seq, index = string.match(all[i], '^(%d+)%.(%d+)$')
    if string.match(all[i], '^!%d+%.%d+$') then
      records[string.sub(all[i], 2)] = all[i + 1]
    elseif seq then
      local queue, payload = split(all[i + 1])
      if queue then
        items[#items + 1] =
          { field = all[i], queue = queue, payload = payload, order = tonumber(seq) * 65536 + tonumber(index) }
      else
        unreadable = unreadable + 1
      end
    end
  end
  for _, item in ipairs(items) do item.record = records[item.field] end
  table.sort(items, function(a, b) return a.order < b.order end)
  return items, unreadable
end
