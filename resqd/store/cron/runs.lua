-- Beside an entry stands LAST and then its latest runs, newest first, as DUE@AT: the last time that was due, and when
-- its job was enqueued, in seconds; '-' stands for none, as in a run by hand.
local MOST_RUNS = 10

local function note_runs(key, name, dues, at)
  local before = redis.call('HGET', key, name) or '-'
  local last, runs = string.match(before, '^(%S+)(.*)$')
  local count, kept = 0, {}
  for i = #dues, math.max(1, #dues - MOST_RUNS + 1), -1 do kept[#kept + 1] = dues[i] .. '@' .. at end
  if dues[#dues] ~= '-' then last = dues[#dues] end
  for run in string.gmatch(runs or '', '%S+') do
    if #kept >= MOST_RUNS then break end
    kept[#kept + 1] = run
  end
  redis.call('HSET', key, name, (last or '-') .. ' ' .. table.concat(kept, ' '))
end
