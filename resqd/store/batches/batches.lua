-- A batch: a hash of facts, the sets of its jobs that are pending and that have failed, and, for a workflow, a hash of
-- what is not enqueued yet. A batch inside another one is a member of the other's sets, as batch:ID.
-- `keys` are those of `later`, its jobs, then four of the batch, four of the one around it, and so on outwards.
-- What a batch starts goes through `later`, due at once: which queues those are is known from what the hash holds only.

-- Facts: total, skipped, left (nodes that are not enqueued), open (until when its producer may add), on_done and
-- on_success (ID ENTRY), done and succeeded (microseconds), cancelled, id, created, description, parents, ended_ttl.
local HASH, PENDING, FAILED, NODES, LEVEL = 0, 1, 2, 3, 4
local FIRST = 3

local soonest = 0

local function start(keys, id, entry)
  local queue, payload = split(entry)
  local _, due = put_later(keys[1], keys[2], id, math.max(now(), soonest), queue, payload)
  soonest = due + 1
end

-- Fires a callback, which goes with it: so none fires twice.
local function fire(keys, hash, name)
  local callback = redis.call('HGET', hash, name)
  if callback then
    redis.call('HDEL', hash, name)
    local id, entry = string.match(callback, '^(%S+) (.*)$')
    start(keys, id, entry)
  end
end

-- A node's entry: its queue, then a payload in parts: T LENGTH:TEXT, or R LENGTH:ID for the result of a node.
local function assembled(nodes, entry)
  local queue, parts = split(entry)
  local texts, at = {}, 1
  while at <= #parts do
    local kind, length, from = string.match(parts, '^([TR])(%d+):()', at)
    local text = string.sub(parts, from, from + length - 1)
    texts[#texts + 1] = kind == 'T' and text or redis.call('HGET', nodes, '=' .. text) or 'null'
    at = from + length
  end
  return join(queue, table.concat(texts))
end

-- Enqueues each node whose last parent this one was.
local function release(keys, at, id)
  local hash, nodes = keys[at + HASH], keys[at + NODES]
  local children = redis.call('HGET', nodes, '>' .. id)
  if not children or redis.call('HEXISTS', hash, 'cancelled') == 1 then return end
  redis.call('HDEL', nodes, '>' .. id)
  for child in string.gmatch(children, '%S+') do
    if redis.call('HINCRBY', nodes, '#' .. child, -1) == 0 then
      local entry = redis.call('HGET', nodes, child)
      redis.call('HDEL', nodes, child, '#' .. child)
      redis.call('HINCRBY', hash, 'left', -1)
      redis.call('SADD', keys[at + PENDING], child)
      start(keys, child, assembled(nodes, entry))
    end
  end
end

local function keep_for(keys, at, seconds)
  for key = at, at + LEVEL - 1 do redis.call('EXPIRE', keys[key], seconds) end
end

local end_member

-- Ends the batch where nothing of it is pending: calls back, and ends it in the one around it.
local function end_batch(keys, at)
  local hash = keys[at + HASH]
  if redis.call('SCARD', keys[at + PENDING]) > 0 or redis.call('HEXISTS', hash, 'open') == 1 then return end
  local facts = redis.call('HMGET', hash, 'left', 'cancelled', 'done', 'succeeded', 'id', 'ended_ttl')
  local well = redis.call('SCARD', keys[at + FAILED]) == 0 and tonumber(facts[1] or 0) == 0 and not facts[2]
  if well and not facts[4] then
    redis.call('HSET', hash, 'succeeded', string.format('%d', now()))
    fire(keys, hash, 'on_success')
  end
  if not facts[3] then
    redis.call('HSET', hash, 'done', string.format('%d', now()))
    fire(keys, hash, 'on_done')
  end
  keep_for(keys, at, facts[6])
  if keys[at + LEVEL] then
    end_member(keys, at + LEVEL, 'batch:' .. facts[5], well and 'done' or facts[2] and 'removed' or 'failed')
  end
end

-- Ends many members that are no nodes as done.
local function end_done(keys, at, members)
  local pending, failed, was = keys[at + PENDING], keys[at + FAILED], 0
  local failures = redis.call('EXISTS', failed) == 1
  for from = 1, #members, 500 do
    local to = math.min(from + 499, #members)
    was = was + redis.call('SREM', pending, unpack(members, from, to))
    if failures then was = was + redis.call('SREM', failed, unpack(members, from, to)) end
  end
  if was > 0 then end_batch(keys, at) end
end

-- What has become of a member: 'done', 'failed', or something else that ends it; 'requeued': it has failed, and is
-- pending again; 'forgotten': it has failed, and its record is gone.
-- Nothing, where it was in neither set: so a member ends once, whoever says so how often.
-- Returns whether it ended.
function end_member(keys, at, member, outcome)
  local hash, pending, failed = keys[at + HASH], keys[at + PENDING], keys[at + FAILED]
  if redis.call('EXISTS', hash) == 0 then return nil end
  if outcome == 'requeued' then
    if redis.call('SMOVE', failed, pending, member) == 1 then
      local ttl = redis.call('HGET', hash, 'ttl')
      if ttl then keep_for(keys, at, ttl) end
    end
    return nil
  end
  local was
  if outcome == 'failed' then
    was = redis.call('SMOVE', pending, failed, member)
  else
    was = redis.call('SREM', failed, member)
    if outcome ~= 'forgotten' then was = was + redis.call('SREM', pending, member) end
  end
  if was == 0 then return nil end
  if outcome == 'done' then
    release(keys, at, member)
  elseif outcome ~= 'failed' then
    redis.call('HINCRBY', hash, 'skipped', 1)
  end
  end_batch(keys, at)
  return true
end
