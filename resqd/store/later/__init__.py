"""Jobs that are to run later: put, moved to their queues when due, looked at and changed."""
