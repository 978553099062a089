"""Failures: what a failing job costs that is tried again, beside one that fails for good."""

from __future__ import annotations

import time
from functools import partial

from resqd.store.resque import payload
from tests.bench.arithmetic import drain_window, slope
from tests.bench.bench import Bench, LostJobsError, Shape
from tests.bench.jobs import QUEUE

_FILL = 500


def failing(bench: Bench) -> dict[str, float]:
    """As many jobs of each kind, one kind after the other; what is tried again waits for an hour."""
    total = bench.scale.count(30_000)
    for_good, again = _rate(bench, "Fail", total), _rate(bench, "FailAgain", total)
    return {"fail": for_good, "retry": again, "retry-of-fail": for_good / again}


def _rate(bench: Bench, job_class: str, total: int) -> float:
    bench.place.clean()
    rows = [(number,) for number in range(_FILL)]
    bench.place.fill(
        QUEUE, total, [raw for _, raw in payload.encode_many(job_class, rows, enqueued_at=time.time())]
    )
    with bench.daemon(Shape()):
        samples = bench.watch(partial(bench.place.length, QUEUE))
    place = bench.place
    found = place.failed() + int(place.client.zcard(place.keys.later)) + place.length(QUEUE)
    if found != total:
        raise LostJobsError(f"{total} jobs pushed, {found} failed, later or waiting")
    return slope(drain_window(samples, total))
