"""Speaking to Redis: its URL, connections, pipelines and scripts, its changes, and the server brought along."""
