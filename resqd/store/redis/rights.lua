-- KEYS: a key that does not exist. Tries each command that the store needs, so that nothing is left of it.
-- Returns those that the server does not let this user run.
local key, refused = KEYS[1], {}

local function try(command, ...)
  local reply = redis.pcall(command, ...)
  local why = type(reply) == 'table' and reply.err
  if why and (string.find(why, 'NOPERM') or string.find(why, 'ACL failure') or string.find(why, 'run this command')) then
    refused[#refused + 1] = command
  end
end

try('TIME')
for _, command in ipairs({ 'DEL', 'EXISTS', 'GET', 'HGETALL', 'HKEYS', 'HLEN', 'HVALS', 'LLEN', 'LPOP', 'MGET',
  'PTTL', 'SCARD', 'SDIFF', 'SMEMBERS', 'TYPE', 'ZCARD' }) do
  try(command, key)
end
for _, command in ipairs({ 'EXPIRE', 'HDEL', 'HEXISTS', 'HGET', 'HMGET', 'HSCAN', 'HSTRLEN', 'LINDEX', 'SISMEMBER',
  'SMISMEMBER', 'SREM', 'SSCAN', 'ZREM', 'ZSCORE' }) do
  try(command, key, '0')
end
for _, command in ipairs({ 'LRANGE', 'LREM', 'LSET', 'LTRIM', 'ZCOUNT', 'ZRANGE', 'ZREMRANGEBYSCORE', 'ZREVRANGE' }) do
  try(command, key, '0', '0')
end
try('BLPOP', key, '0')
try('RENAME', key, key)
try('SMOVE', key, key, '0')
try('LMOVE', key, key, 'LEFT', 'LEFT')
for _, command in ipairs({ 'INCRBY', 'LPUSH', 'RPUSH', 'SADD', 'SET' }) do
  try(command, key, '0')
  redis.pcall('DEL', key)
end
for _, command in ipairs({ 'HINCRBY', 'HSET', 'HSETNX', 'ZADD' }) do
  try(command, key, '0', '0')
  redis.pcall('DEL', key)
end
return refused
