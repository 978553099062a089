-- KEYS: later, its jobs, locks, windows, queues, the sets of rows seen (seven), then the lists of the rows' queues.
-- ARGV: for each row its digest, how, queue, payload, moment, ticket, fingerprint, length of the window and how long a
-- lock holds. `how` is 'push', 'front' or 'at', with 'unique ' before it where the lock is to be taken; 'look' only asks
-- whether it was seen, and 'mark' notes that it was.
-- Puts each row's job unless the row was seen in the last day, and notes that it was, in one step. A queue's key that is
-- no list refuses its rows alone; where nothing may be written (maxmemory) all are refused.
-- Returns for each 1: put; 0: was seen; 2: another job has the lock; -1: refused; 3: not seen, for 'look'.
local later, jobs, locks, windows = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local SETS, SPAN, WIDTH = 7, 14400, 9
local moment = now()
local refusal = later_refusal(later, jobs) or locks_refusal(locks, windows)
if refusal then return redis.error_reply('WRONGTYPE ' .. refusal) end

-- A set for each four hours, used anew after 28: so each row is remembered for a day at least, at 70 bytes.
local span = math.floor(moment / 1000000 / SPAN)
local current = KEYS[6 + span % SETS]

local digests, seen, places = {}, {}, {}
for at = 1, #ARGV, WIDTH do digests[#digests + 1] = ARGV[at] end
for i = 6, 5 + SETS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    for _, digest in ipairs(digests) do
      if redis.call('SISMEMBER', KEYS[i], digest) == 1 then seen[digest] = true end
    end
  end
end
for i = 6 + SETS, #KEYS do places[#places + 1] = KEYS[i] end

local function put(how, list, queue, payload, due, ticket)
  if how == 'at' then
    put_later(later, jobs, ticket, due, queue, payload)
    return true
  end
  if refused(redis.pcall(how == 'front' and 'LPUSH' or 'RPUSH', list, payload)) then return false end
  redis.pcall('SADD', KEYS[5], queue)
  return true
end

-- Whether the job may have its lock; a window begins with that.
local function free(fingerprint, window, max_hold)
  if window > 0 then return open_window(windows, fingerprint, moment, window) end
  local since, ticket = read_lock(locks, fingerprint)
  return not since or redis.call('HEXISTS', jobs, ticket) == 0 and moment - since >= max_hold
end

local answers, expires = {}, redis.call('EXISTS', current) == 0
for n, digest in ipairs(digests) do
  local at = (n - 1) * WIDTH
  local how, queue, payload, due, ticket = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], tonumber(ARGV[at + 5]), ARGV[at + 6]
  local unique = string.sub(how, 1, 7) == 'unique '
  local answer = 1
  if unique then how = string.sub(how, 8) end
  if seen[digest] then
    answer = 0
  elseif how == 'look' then
    answer = 3
  elseif refused(redis.pcall('SADD', current, digest)) then
    answer = -1
  elseif how ~= 'mark' then
    local list, fingerprint = places[n], ARGV[at + 7]
    local kind = redis.call('TYPE', list).ok
    if how ~= 'at' and kind ~= 'none' and kind ~= 'list' then
      answer = -1
    elseif unique and not free(fingerprint, tonumber(ARGV[at + 8]), tonumber(ARGV[at + 9])) then
      answer = 2
    else
      if unique and ARGV[at + 8] == '0' then write_lock(locks, fingerprint, math.max(moment, due), ticket) end
      if not put(how, list, queue, payload, due, ticket) then answer = -1 end
    end
    if answer == -1 then redis.call('SREM', current, digest) end
  end
  if answer ~= -1 then seen[digest] = true end
  answers[n] = answer
end
if expires then redis.pcall('EXPIRE', current, (span + SETS) * SPAN - math.floor(moment / 1000000)) end
return answers
