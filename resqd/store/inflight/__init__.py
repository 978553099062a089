"""Jobs in flight: reserved by a worker and kept in Redis until acknowledged; recovered when their owner is dead."""
