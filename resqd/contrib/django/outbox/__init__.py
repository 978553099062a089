"""Django's outbox: where this app is installed, jobs on commit are rows until they are in Redis."""
