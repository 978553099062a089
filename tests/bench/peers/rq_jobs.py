"""RQ: `rq worker-pool` forks for each job."""

import os

from redis import Redis
from rq import Queue


def noop(_number: int) -> None:
    """Nothing."""


def fill(count: int) -> None:
    """Enqueue that many jobs."""
    queue = Queue("default", connection=Redis.from_url(os.environ["PEER_URL"]))
    queue.enqueue_many([Queue.prepare_data(noop, (number,)) for number in range(count)])
