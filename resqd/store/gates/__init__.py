"""Gates: where a job waits while a limit that it is under is full."""
