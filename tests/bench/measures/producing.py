"""Producing: how fast one process enqueues."""

from __future__ import annotations

import time
from itertools import pairwise
from threading import Thread

from tests.bench.arithmetic import percentile
from tests.bench.bench import Bench
from tests.bench.jobs import QUEUE, app, noop

THREADS = 100


def producing(bench: Bench) -> dict[str, float]:
    """`enqueue_many` and `enqueue`, with no daemon at work; then `enqueue` in a hundred threads at once."""
    bench.place.clean()
    app.configure(redis_url=bench.place.url, namespace=bench.place.keys.namespace)
    many, single = bench.scale.count(200_000), bench.scale.count(10_000)
    noop.enqueue(0)  # connects
    rows = [(number,) for number in range(many)]
    began = time.perf_counter()
    noop.enqueue_many(rows)
    between = time.perf_counter()
    ends = [between]
    for number in range(single):
        noop.enqueue(number)
        ends.append(time.perf_counter())
    threaded = _in_threads(single // THREADS)
    bench.expect_all(1 + many + single + single // THREADS * THREADS, [QUEUE])
    return {
        "enqueue-many": many / (between - began),
        "enqueue": single / (ends[-1] - between),
        "enqueue-p99": percentile((after - before for before, after in pairwise(ends)), 0.99) * 1000,
        "enqueue-threads": threaded,
    }


def _in_threads(each: int) -> float:
    """How many a second go to the queue when each of the threads enqueues so many."""

    def enqueue() -> None:
        for number in range(each):
            noop.enqueue(number)

    threads = [Thread(target=enqueue) for _ in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return THREADS * each / (time.perf_counter() - began)
