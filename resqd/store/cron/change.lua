-- KEYS: entries, next times, runs, paused, tables, tables' texts, version.
-- ARGV: the version that was seen, then for each change: kind, name, the next time that was seen ('': none), text,
-- next time ('': none). Kinds: put, move, pause, resume, remove, forget (a life).
-- Changes nothing, and returns '', where another has changed something meanwhile; else the new version.
if version(KEYS[7]) ~= ARGV[1] then return '' end
for at = 2, #ARGV, 5 do
  local kind, name, seen = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if (kind == 'put' or kind == 'move') and (redis.call('ZSCORE', KEYS[2], name) or '') ~= seen then return '' end
end

local function set_next(name, next)
  if next == '' then
    redis.call('ZREM', KEYS[2], name)
  else
    redis.call('ZADD', KEYS[2], next, name)
  end
end

local function drop_unused_texts()
  local used = {}
  local tables = redis.call('HVALS', KEYS[5])
  for _, facts in ipairs(tables) do used[string.match(facts, '^%d+ (%S+) ') or ''] = true end
  for _, digest in ipairs(redis.call('HKEYS', KEYS[6])) do
    if not used[digest] then redis.call('HDEL', KEYS[6], digest) end
  end
end

local forgot = false
for at = 2, #ARGV, 5 do
  local kind, name, text, next = ARGV[at], ARGV[at + 1], ARGV[at + 3], ARGV[at + 4]
  if kind == 'put' then
    redis.call('HSET', KEYS[1], name, text)
    set_next(name, next)
  elseif kind == 'move' then
    set_next(name, next)
  elseif kind == 'pause' then
    redis.call('HSET', KEYS[4], name, text)
    redis.call('ZREM', KEYS[2], name)
  elseif kind == 'resume' then
    redis.call('HDEL', KEYS[4], name)
    set_next(name, next)
  elseif kind == 'remove' then
    redis.call('HDEL', KEYS[1], name)
    redis.call('ZREM', KEYS[2], name)
    redis.call('HDEL', KEYS[3], name)
    redis.call('HDEL', KEYS[4], name)
  elseif kind == 'forget' then
    redis.call('HDEL', KEYS[5], name)
    forgot = true
  end
end
if forgot then drop_unused_texts() end
return renew(KEYS[7])
