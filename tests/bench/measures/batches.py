"""Batches: how fast their jobs are put and done, beside plain jobs in turns, and how soon the end is told."""

from __future__ import annotations

import time
from functools import partial

from resqd.application.batch_book import BatchBook
from tests.bench.arithmetic import drain_window, slope
from tests.bench.bench import Bench, LostJobsError, Shape
from tests.bench.jobs import QUEUE, app, noop
from tests.support.waiting import wait_for

_TOLD = "bench-told"
"""Where callbacks go, which nobody takes."""


def batches(bench: Bench) -> dict[str, float]:
    """One batch of many jobs, put while no daemon runs; then it is drained, and so are as many plain ones."""
    total = bench.scale.count(200_000)
    plain = slope(drain_window(bench.drain(Shape(), total), total))
    bench.place.clean()
    app.configure(redis_url=bench.place.url, namespace=bench.place.keys.namespace)
    told = noop.using(queue=_TOLD).s(0)
    began = time.perf_counter()
    with app.batch(on_success=told, on_done=told) as batch:
        noop.enqueue_many([(number,) for number in range(total)])
    put = time.perf_counter() - began
    book = BatchBook(app.store)
    with bench.daemon(Shape()):
        samples = bench.watch(partial(bench.place.length, QUEUE))
        emptied = time.perf_counter()
        wait_for(lambda: bench.place.length(_TOLD) == 2, 20, what="both callbacks")
        closed = time.perf_counter() - emptied
    status = book.get(batch.id)
    if (status.state, status.total, bench.place.processed()) != ("succeeded", total, total):
        raise LostJobsError(f"the batch of {total} jobs is {status}")
    rate = slope(drain_window(samples, total))
    return {
        "batch-put": total / put,
        "batch": rate,
        "batch-of-plain": rate / plain * 100,
        "batch-end": closed * 1e3,
    }
