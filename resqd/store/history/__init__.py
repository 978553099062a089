"""What happened, by minute, hour and day: kept in Redis for pages and programs that ask later."""
