-- KEYS: in-flight hash, the four of the gate (gates.lua), and the list by which the block is told. ARGV: token of the job
-- and number of the block.
-- Ends a block that holds a gate, or waits there. It is no matter whether the job is still in flight.
local key, field, block = KEYS[1], ARGV[1], ARGV[2]
redis.call('DEL', KEYS[6])
redis.call('ZREM', KEYS[3], block_ticket(key, field, block))
local freed = redis.call('ZREM', KEYS[2], table.concat({ key, field, block }, '/'))
if freed == 1 then
  local texts, own = {}, table.concat({ '', block, KEYS[2] }, '\n')
  for _, text in ipairs(slot_texts(redis.call('HGET', key, SLOTS .. field))) do
    if text ~= own then texts[#texts + 1] = text end
  end
  if #texts > 0 then
    redis.call('HSET', key, SLOTS .. field, write_list(texts))
  else
    redis.call('HDEL', key, SLOTS .. field)
  end
end
return freed
