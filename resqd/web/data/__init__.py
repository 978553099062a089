"""What the pages read: of Redis, within bounds, and of this process."""
