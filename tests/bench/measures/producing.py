"""Producing: how fast one process enqueues."""

from __future__ import annotations

import time

from tests.bench.bench import Bench
from tests.bench.jobs import QUEUE, app, noop


def producing(bench: Bench) -> dict[str, float]:
    """`enqueue_many` and `enqueue`, with no daemon at work."""
    bench.place.clean()
    app.configure(redis_url=bench.place.url, namespace=bench.place.keys.namespace)
    many, single = bench.scale.count(200_000), bench.scale.count(10_000)
    noop.enqueue(0)  # connects
    rows = [(number,) for number in range(many)]
    began = time.perf_counter()
    noop.enqueue_many(rows)
    between = time.perf_counter()
    for number in range(single):
        noop.enqueue(number)
    ended = time.perf_counter()
    bench.expect_all(1 + many + single, [QUEUE])
    return {"enqueue-many": many / (between - began), "enqueue": single / (ended - between)}
