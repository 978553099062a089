"""taskiq on a list in Redis."""

import asyncio
import os

from taskiq_redis import ListQueueBroker

broker = ListQueueBroker(os.environ["PEER_URL"])


@broker.task(task_name="nap")  # type: ignore[untyped-decorator] # the library is not installed where types are checked
async def nap(seconds: float) -> None:
    """Wait as for a network."""
    await asyncio.sleep(seconds)


async def _fill(count: int) -> None:
    await broker.startup()
    for _ in range(count):
        await nap.kiq(0.01)
    await broker.shutdown()


def fill(count: int) -> None:
    """Enqueue that many jobs."""
    asyncio.run(_fill(count))
