"""When jobs recur: schedules, entries, and the policies of what is due and of which release has its way. No I/O."""
