"""Dramatiq: processes with threads."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

dramatiq.set_broker(RedisBroker(url=os.environ["PEER_URL"]))


def _noop(_number: int) -> None:
    """Nothing."""


noop = dramatiq.actor(_noop, actor_name="noop")


def fill(count: int) -> None:
    """Enqueue that many jobs."""
    for number in range(count):
        noop.send(number)
