"""Huey: a consumer with processes, results off."""

import os

from huey import RedisHuey

huey = RedisHuey("peer", url=os.environ["PEER_URL"], results=False)


def _noop(_number: int) -> None:
    """Nothing."""


noop = huey.task(name="noop")(_noop)


def fill(count: int) -> None:
    """Enqueue that many jobs."""
    for number in range(count):
        noop(number)
