"""Resque's own format in Redis: queues, payloads, failures, and the registry of workers."""
