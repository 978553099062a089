"""Growth: what becomes of the throughput with more threads, workers, queues and jobs waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tests.bench.arithmetic import change, drain_window, slope
from tests.bench.bench import NOOPS, POLL, Bench, Shape
from tests.bench.jobs import QUEUE

THREADS, WORKERS, QUEUES = (1, 4, 16, 64), (1, 2, 4, 8), (1, 10, 100, 1_000)
_TOP_UP = 250
_EMPTY = 1_000
_WARM_SECONDS = 0.5


def threads(bench: Bench) -> dict[str, float]:
    """2 workers with 1 to 64 threads."""
    total = bench.scale.count(300_000)
    return _grown(bench, "threads", THREADS, lambda n: _rate(bench, Shape(threads=n), total))


def workers(bench: Bench) -> dict[str, float]:
    """1 to 8 workers with 8 threads."""
    total = bench.scale.count(300_000)
    return _grown(bench, "workers", WORKERS, lambda n: _rate(bench, Shape(workers=n), total))


def queues(bench: Bench) -> dict[str, float]:
    """2 workers with 8 threads on 1 to 1,000 queues that share the jobs evenly, found by a pattern."""
    return _grown(bench, "queues", QUEUES, lambda n: _spread(bench, n))


def depth(bench: Bench) -> dict[str, float]:
    """2 workers with 8 threads on a queue that is held at one length, 10,000 to 1,000,000."""
    return _grown(bench, "depth", bench.scale.depths, lambda n: _held(bench, n))


def _grown(
    bench: Bench, name: str, points: Sequence[int], measure: Callable[[int], float]
) -> dict[str, float]:
    """The rate at each point, and the change from the first to the last in percent."""
    if not bench.scale.every_point:
        points = [points[0], points[-1]]
    rates = {point: measure(point) for point in points}
    values = {f"{name}={point}": rate for point, rate in rates.items()}
    return {f"growth-{name}": change(rates[points[0]], rates[points[-1]]), **values}


def _rate(bench: Bench, shape: Shape, total: int) -> float:
    return slope(drain_window(bench.drain(shape, total), total))


def _spread(bench: Bench, count: int) -> float:
    """By the count of acknowledged jobs, since a thousand lengths cost too much to ask for."""
    bench.place.clean()
    names = [f"bench-{number:04}" for number in range(count)]
    each = max(1, bench.scale.count(300_000) // count)
    total = sum(bench.place.fill(name, each, NOOPS) for name in names)
    with bench.daemon(Shape(queues="bench-*")):
        samples = bench.watch(lambda: total - bench.place.processed())
    bench.expect_all(total, names)
    return slope(drain_window(samples, total))


def _held(bench: Bench, deep: int) -> float:
    """By the count of acknowledged jobs, while the server itself adds what was taken."""
    bench.place.clean()
    pushed = bench.place.fill(QUEUE, deep, NOOPS)
    with bench.daemon(Shape()):
        bench.place.stock(NOOPS[:_TOP_UP])
        bench.await_processed(1)
        pushed += _hold(bench, deep, _WARM_SECONDS)
        began, before = time.monotonic(), bench.place.processed()
        pushed += _hold(bench, deep, bench.scale.hold)
        ended, after = time.monotonic(), bench.place.processed()
    bench.expect_all(pushed)
    return (after - before) / (ended - began)


def _hold(bench: Bench, deep: int, seconds: float) -> int:
    """Keep the queue at its length for some seconds; how many jobs that took."""
    end, pushed = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        added = bench.place.top_up(QUEUE, deep)
        if added > deep - _EMPTY:
            raise ValueError(f"a queue of {deep} jobs ran empty between two looks")
        pushed += added
        time.sleep(POLL)
    return pushed
