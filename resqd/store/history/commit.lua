-- KEYS: the merger's lock, daemons' rows, rows by minute, hour, day.
-- ARGV: the merger's token, then commands on the keys 2 to 5: the key's number, 'put', field, value; or the key's
-- number, 'drop', field, ''. Returns 1; where another merger has taken the lock meanwhile 0, and nothing is changed.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for at = 2, #ARGV, 4 do
  local key = KEYS[tonumber(ARGV[at])]
  if ARGV[at + 1] == 'put' then
    redis.call('HSET', key, ARGV[at + 2], ARGV[at + 3])
  else
    redis.call('HDEL', key, ARGV[at + 2])
  end
end
return 1
