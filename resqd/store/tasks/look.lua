-- KEYS: a task's record, how it has ended. Returns both as they are at this moment.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return { {}, false } end
return { redis.call('HGETALL', KEYS[1]), redis.call('GET', KEYS[2]) }
