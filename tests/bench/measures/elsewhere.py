"""Jobs that run elsewhere than on a job thread: each in a process of its own, and many on an event loop."""

from __future__ import annotations

from resqd.store.resque import encoding
from tests.bench.arithmetic import drain_window, slope
from tests.bench.bench import Bench, Shape

_APP = "tests.bench.other_jobs:app"
_ISOLATED = [encoding.encode("Isolated", [number], id=encoding.new_id()) for number in range(100)]
_ASYNC = [encoding.encode("AsyncNap", [0.01], id=encoding.new_id()) for _ in range(500)]


def isolated(bench: Bench) -> dict[str, float]:
    """2 workers with 4 threads, a process for each job."""
    total = bench.scale.count(2_000)
    return {"isolated": slope(drain_window(bench.drain(Shape(threads=4, app=_APP), total, _ISOLATED), total))}


def awaiting(bench: Bench) -> dict[str, float]:
    """2 workers with 500 places each, jobs that await 10 ms."""
    total = bench.scale.count(200_000)
    shape = Shape(threads=2, app=_APP, places=500)
    return {"async": slope(drain_window(bench.drain(shape, total, _ASYNC), total))}
