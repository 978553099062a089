-- What both ways to reserve share: the guard, the replay of a batch whose reply was lost, the keeping of a new one.
-- A batch is answered as {groups, skipped}; groups are queue, index of the first, payloads; and so on.

local STALE = 'STALE a copy of an older request'

-- The same batch again, as it was taken.
local function replay(key, seq)
  local total = tonumber(redis.call('HGET', key, '!n') or 0)
  local fields, groups, latest, next_index = {}, {}, nil, nil
  number_fields(fields, seq, 0, total - 1)
  for from = 1, total, 500 do
    local entries = redis.call('HMGET', key, unpack(fields, from, math.min(from + 499, total)))
    for j, entry in ipairs(entries) do
      local index, queue, payload = from + j - 2, nil, nil
      if entry then queue, payload = split(entry) end
      if queue and queue == latest and index == next_index then
        table.insert(groups[#groups], payload)
      elseif queue then
        local n = #groups
        groups[n + 1], groups[n + 2], groups[n + 3] = queue, index, { payload }
      end
      latest, next_index = queue, index + 1
    end
  end
  return { groups, {} }
end

-- An early answer for a request that must not take anything; nil for one that may.
local function guard(key, seq)
  local latest = redis.call('HGET', key, '!seq')
  if not latest then return redis.error_reply(FENCED) end
  latest = tonumber(latest)
  if tonumber(seq) < latest then return redis.error_reply(STALE) end
  if tonumber(seq) == latest then return replay(key, seq) end
  return nil
end

-- Writes fields and entries, `args` in turns, in chunks because unpack has a limit; the last chunk makes the
-- batch the latest one. Returns the refusal, if the server refuses (rights taken away meanwhile), with all undone.
local function keep(key, seq, args)
  local total = #args / 2
  args[#args + 1], args[#args + 2] = '!n', total
  args[#args + 1], args[#args + 2] = '!seq', seq
  for from = 1, #args, 1000 do
    local reply = redis.pcall('HSET', key, unpack(args, from, math.min(from + 999, #args)))
    if refused(reply) then
      for i = 1, total * 2, 2 do redis.pcall('HDEL', key, args[i]) end
      return reply
    end
  end
  return nil
end
