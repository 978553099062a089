"""A worker process: control thread, fetcher, job threads."""
