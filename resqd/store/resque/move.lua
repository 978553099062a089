-- KEYS: the list to move from, the list to move to, queues. ARGV: the second one's queue, most jobs, most bytes.
-- Moves jobs from the front of one queue to the end of another, in order: all at once where that is empty, since a list
-- of any length is renamed in no time, else a step of them, so that others wait for little. Returns how many.
local moved, bytes = 0, 0
if redis.call('EXISTS', KEYS[2]) == 0 then
  moved = redis.call('LLEN', KEYS[1])
  if moved > 0 then redis.call('RENAME', KEYS[1], KEYS[2]) end
else
  while moved < tonumber(ARGV[2]) and bytes < tonumber(ARGV[3]) do
    local payload = redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')
    if not payload then break end
    moved, bytes = moved + 1, bytes + #payload
  end
end
if moved > 0 then redis.call('SADD', KEYS[3], ARGV[1]) end
return moved
