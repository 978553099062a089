"""Jobs that come from an outbox, a table of the application's database."""
