"""What an App is made of: its jobs by name, its way to the queues, and what it can see in Redis."""
