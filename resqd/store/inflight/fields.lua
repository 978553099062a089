-- KEYS: in-flight hash. Returns its fields.
-- It deletes, though nothing, so that a replica refuses it: what that one holds may be of yesterday.
redis.call('HDEL', KEYS[1], '!none')
if fenced(KEYS[1]) then return redis.error_reply(FENCED) end
return redis.call('HKEYS', KEYS[1])
