"""What the tests of the real Ruby programs read in Redis, and the jobs that they hold there."""

from __future__ import annotations

import json
from typing import Any, cast

import redis

from resqd.app import App
from tests.support.waiting import wait_for


def ran(client: redis.Redis, by: str = "ran") -> list[Any]:
    """The arguments of all jobs that ran, in order: resqd's, or those of Ruby's workers (`ran:ruby`)."""
    return [json.loads(line) for line in cast("list[bytes]", client.lrange(by, 0, -1))]


def failures(client: redis.Redis) -> int:
    return client.llen("resque:failed")


def members(client: redis.Redis) -> set[str]:
    """Who is registered, daemons of resqd and workers of Ruby."""
    return {member.decode() for member in cast("set[bytes]", client.smembers("resque:workers"))}


def held(client: redis.Redis) -> int:
    """How many of the jobs that `hold` enqueued the registry shows as running."""
    threads = [
        thread for worker in members(client) for thread in client.smembers(f"resque:worker:{worker}:threads")
    ]
    entries = [
        cast("bytes | None", client.get(b"resque:worker:" + cast("bytes", thread))) for thread in threads
    ]
    return sum(json.loads(entry)["payload"]["class"] == "Hold" for entry in entries if entry)


def hold(redis_url: str, client: redis.Redis, count: int) -> None:
    """Have jobs run until `let_go`, and wait until the registry shows them."""
    app = App(redis_url)
    for number in range(count):
        app.enqueue_to("mail", "Hold", number)
    wait_for(lambda: held(client) >= count, what="shown")
    app.store.close()


def let_go(client: redis.Redis) -> None:
    """End the jobs that `hold` holds."""
    client.set("go", 1)
