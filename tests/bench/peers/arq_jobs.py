"""arq: two processes with one event loop each."""

import asyncio
import multiprocessing
import os
from typing import Any

from arq import create_pool, run_worker
from arq.connections import RedisSettings

_PLACES = 500


async def nap(_context: dict[Any, Any], seconds: float) -> None:
    """Wait as for a network."""
    await asyncio.sleep(seconds)


class Settings:
    """Of a worker."""

    functions = (nap,)
    redis_settings = RedisSettings.from_dsn(os.environ["PEER_URL"])
    max_jobs = _PLACES
    keep_result = 0
    poll_delay = 0.01


async def _fill(count: int) -> None:
    pool = await create_pool(Settings.redis_settings)
    for _ in range(count):
        await pool.enqueue_job("nap", 0.01)


def fill(count: int) -> None:
    """Enqueue that many jobs."""
    asyncio.run(_fill(count))


def work() -> None:
    """Run two workers, until they are killed."""
    workers = [multiprocessing.Process(target=run_worker, args=(Settings,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
