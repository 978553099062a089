-- KEYS: those of the debts. ARGV: 'begun' or how jobs have ended, then the debts of each (debts.lua).
-- For jobs that have begun, or whose payloads are gone from where only we could find them.
local at = 2
while at <= #ARGV do at = settle(ARGV[1], ARGV, at) end
return 1
