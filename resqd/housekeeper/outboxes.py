"""Moves the jobs of the application's outboxes to Redis, on a thread of its own: a database may keep it waiting."""

from __future__ import annotations

import random
import time

from resqd.application.parts import parts_of
from resqd.application.relaying import Relaying
from resqd.clock import monotonic
from resqd.housekeeper.house import House
from resqd.store.redis.health import Backoff
from resqd.store.redis.links import Links
from resqd.store.relay.relay import Relay


def relaying(house: House) -> None:
    """Move them until the process ends: whatever is killed in between is moved by the next, and put once."""
    work = Relaying(
        parts_of(house.app).outboxes,
        relay=Relay(Links(house.connection), house.keys),
        backoff=Backoff(random.random),
        clock=monotonic,
        sleep=time.sleep,
    )
    work.begin()
    work.run(lambda: False)
