"""Celery: its default pool of processes, results off."""

import os

from celery import Celery

app = Celery("celery_jobs", broker=os.environ["PEER_URL"].replace("unix://", "redis+socket://"))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


def _noop(_number: int) -> None:
    """Nothing."""


noop = app.task(_noop, name="celery_jobs.noop")


def fill(count: int) -> None:
    """Enqueue that many jobs."""
    with app.producer_pool.acquire(block=True) as producer:
        for number in range(count):
            noop.apply_async((number,), producer=producer)
