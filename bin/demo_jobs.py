"""The demo's application: one job, which hashes a file and writes what it found to a Redis hash."""

import hashlib
import json
import os
from functools import lru_cache

import redis

import resqd
from resqd.store.redis.embedded import default_url

RESULTS = "demo:results"

app = resqd.App()


@lru_cache(maxsize=1)
def client(_pid: int) -> redis.Redis:
    """This process's own client: one that was made before a fork must not be shared after it."""
    return redis.Redis.from_url(default_url(os.environ)[0])


@app.job(queue="demo", name="Digest")
def digest(path: str) -> None:
    """Read the file; write its SHA-256, its bytes and its lines."""
    sha256, size, lines = hashlib.sha256(), 0, 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha256.update(block)
            size += len(block)
            lines += block.count(b"\n")
    found = {"sha256": sha256.hexdigest(), "bytes": size, "lines": lines, "pid": os.getpid()}
    client(os.getpid()).hset(RESULTS, path, json.dumps(found))
