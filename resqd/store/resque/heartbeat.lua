-- KEYS: daemons, heartbeats, workers, ours, started, intervals, lives, acts. ARGV: life of the daemon, worker id, '1' to register
-- in any case, seconds between two heartbeats, seconds between two times that it registers ('0': not told).
-- Idle daemons should cost Redis little: most heartbeats only count, and look whether somebody took us off the
-- registry (any Resque does that to the set of workers, a new one to the heartbeat as well).
-- What web pages ask of this life is taken along, some of it at a time, and first: a script that begins by freeing, even
-- of nothing, passes at maxmemory. A key that is no list must not stop the beat.
-- Returns the life's counter, one higher than before, whether the registry knew us, what was asked, and the moment
-- in microseconds since 1970, 0 where nobody needs it.
local acts = redis.pcall('LPOP', KEYS[8], 16)
if acts and acts.err then redis.call('HDEL', KEYS[1], '!none') end
if not acts or acts.err then acts = {} end
local count = redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
local known = redis.call('SISMEMBER', KEYS[3], ARGV[2])
local quiet = known == 1 and count > 1 and ARGV[3] ~= '1'
if quiet and #acts == 0 then return { count, known, acts, 0 } end
local time = redis.call('TIME')
local moment = time[1] * 1000000 + time[2]
if quiet then return { count, known, acts, moment } end
if ARGV[4] ~= '0' then redis.call('HSET', KEYS[6], ARGV[1], ARGV[4]) end
if ARGV[5] ~= '0' then redis.call('HSET', KEYS[6], ARGV[2], ARGV[5]) end
redis.call('HSET', KEYS[7], ARGV[2], ARGV[1])
local now = time[1]
local days, rest = math.floor(now / 86400), now % 86400
local z = days + 719468
local era = math.floor(z / 146097)
local doe = z - era * 146097
local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
local mp = math.floor((5 * doy + 2) / 153)
local day = doy - math.floor((153 * mp + 2) / 5) + 1
local month = mp < 10 and mp + 3 or mp - 9
local year = yoe + era * 400 + (month <= 2 and 1 or 0)
local date = string.format('%04d-%02d-%02d', year, month, day)
local clock = string.format('%02d:%02d:%02d', math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60)
redis.call('HSET', KEYS[2], ARGV[2], date .. 'T' .. clock .. 'Z')
redis.call('SADD', KEYS[3], ARGV[2])
redis.call('SADD', KEYS[4], ARGV[2])
redis.call('SET', KEYS[5], date .. ' ' .. clock .. ' +0000', 'NX')
return { count, known, acts, moment }
