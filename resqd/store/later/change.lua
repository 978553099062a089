-- KEYS: later, its jobs, queues, then queues' lists.
-- ARGV: 'run' or 'in' or 'at'; prefix of queues' keys; microseconds from now or since 1970, for the last two; then
-- tickets. Moves jobs to the fronts of their queues, or to another moment.
-- Returns how many were there, and those that stay, since their queue refused them.
local later, jobs, act, prefix, changed = KEYS[1], KEYS[2], ARGV[1], ARGV[2], 0
local refusal = later_refusal(later, jobs)
if refusal then return redis.error_reply('WRONGTYPE ' .. refusal) end
if act == 'run' then
  local wanted = {}
  for i = 4, #ARGV do
    local entry = redis.call('HGET', jobs, ARGV[i])
    local queue = entry and split(entry)
    if queue then wanted[#wanted + 1] = prefix .. queue end
  end
  local unnamed = missing(wanted)
  if unnamed then return unnamed end
end
local moment, kept = tonumber(ARGV[3]), {}
if act == 'in' then moment = moment + now() end
for i = 4, #ARGV do
  local ticket = ARGV[i]
  if redis.call('HEXISTS', jobs, ticket) == 1 then
    changed = changed + 1
    if act == 'in' or act == 'at' then
      redis.call('ZREM', later, ticket)
      redis.call('ZADD', later, string.format('%d', free_moment(later, moment)), ticket)
    else
      local score = redis.call('ZSCORE', later, ticket)
      local queue, payload = take_later(later, jobs, ticket)
      if refused(redis.pcall('LPUSH', prefix .. queue, payload)) then
        redis.call('HSET', jobs, ticket, join(queue, payload))
        redis.call('ZADD', later, score or now(), ticket)
        changed, kept[#kept + 1] = changed - 1, ticket
      else
        redis.pcall('SADD', KEYS[3], queue)
      end
    end
  end
end
return { changed, kept }
