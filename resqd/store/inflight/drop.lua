-- KEYS: in-flight hash. ARGV: tokens in ranges. Forgets jobs that are on another shard by now. Returns how many were there.
return delete(KEYS[1], expand(ARGV[1]))
