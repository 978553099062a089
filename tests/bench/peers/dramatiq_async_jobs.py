"""Dramatiq with its middleware for async actors: each is waited for by a thread, on one event loop in a process."""

import asyncio
import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware.asyncio import AsyncIO

broker = RedisBroker(url=os.environ["PEER_URL"])
broker.add_middleware(AsyncIO())
dramatiq.set_broker(broker)


async def _nap(seconds: float) -> None:
    """Wait as for a network."""
    await asyncio.sleep(seconds)


nap = dramatiq.actor(_nap, actor_name="nap")


def fill(count: int) -> None:
    """Enqueue that many jobs."""
    for _ in range(count):
        nap.send(0.01)
