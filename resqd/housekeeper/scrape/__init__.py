"""What a scraper or a supervisor asks over HTTP: counters and gauges, and whether the daemon lives and is ready."""
