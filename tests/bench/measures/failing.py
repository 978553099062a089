"""Failures: what a failing job costs that is tried again, beside one that fails for good."""

from __future__ import annotations

import time
from functools import partial

from resqd.store.resque import encoding
from tests.bench.arithmetic import drain_window, slope
from tests.bench.bench import Bench, LostJobsError, Shape
from tests.bench.jobs import QUEUE

_AT_ONCE = 1_000


def failing(bench: Bench) -> dict[str, float]:
    """As many jobs of each kind, one kind after the other; what is tried again waits for an hour."""
    total = bench.scale.count(30_000)
    for_good, again = _rate(bench, "Fail", total), _rate(bench, "FailAgain", total)
    return {"fail": for_good, "retry": again, "retry-of-fail": for_good / again}


def _rate(bench: Bench, job_class: str, total: int) -> float:
    place = bench.place
    place.clean()
    _fill(bench, job_class, total)
    with bench.daemon(Shape()):
        samples = bench.watch(partial(place.length, QUEUE))
    found = place.failed() + int(place.client.zcard(place.keys.later)) + place.length(QUEUE)
    if found != total:
        raise LostJobsError(f"{total} jobs pushed, {found} failed, later or waiting")
    return slope(drain_window(samples, total))


def _fill(bench: Bench, job_class: str, total: int) -> None:
    """Each with an id of its own, as what is kept of a job's tries stands under it."""
    rows = [(number,) for number in range(total)]
    raws = [raw for _, raw in encoding.encode_many(job_class, rows, enqueued_at=time.time())]
    bench.place.client.sadd(bench.place.keys.queues, QUEUE)
    for at in range(0, total, _AT_ONCE):
        bench.place.client.rpush(bench.place.keys.queue(QUEUE), *raws[at : at + _AT_ONCE])
