"""Latency: from the call of `enqueue` to the job's first line, on an idle daemon."""

from __future__ import annotations

import random
import time
from functools import partial
from pathlib import Path

from tests.bench.arithmetic import percentile
from tests.bench.bench import Bench, Shape
from tests.bench.jobs import STAMPS_FILE, app, stamp
from tests.support.waiting import wait_for

_LEAST, _MOST = 0.005, 0.035
_WARM = 20
_SEED = 1


def latency(bench: Bench) -> dict[str, float]:
    """One job each 20 ms, at random; both clocks are the host's monotonic one."""
    bench.place.clean()
    count = _WARM + bench.scale.pushes
    file = bench.place.folder / "stamps"
    file.write_bytes(bytes(8 * count))
    app.configure(redis_url=bench.place.url, namespace=bench.place.keys.namespace)
    with bench.daemon(Shape(), **{STAMPS_FILE: str(file)}):
        pushed = [_push(0)]
        bench.await_processed(1)
        pushed += _push_at_random(range(1, count))
        started = stamps_when_all_started(file)
    waits = [(began - asked) / 1e6 for asked, began in zip(pushed, started, strict=True)][_WARM:]
    return {"latency-p50": percentile(waits, 0.5), "latency-p99": percentile(waits, 0.99)}


def _push(number: int) -> int:
    asked = time.monotonic_ns()
    stamp.enqueue(number)
    return asked


def _push_at_random(numbers: range) -> list[int]:
    pauses = random.Random(_SEED)
    pushed = []
    for number in numbers:
        time.sleep(pauses.uniform(_LEAST, _MOST))
        pushed.append(_push(number))
    return pushed


def stamps_when_all_started(file: Path, seconds: float = 20.0) -> list[int]:
    """The time of every job's start in nanoseconds, once they have all started."""
    return wait_for(partial(_all_stamps, file), seconds, what="every job started")


def _all_stamps(file: Path) -> list[int] | None:
    """The time of every job's start in nanoseconds; None while one is missing."""
    stamps = list(memoryview(file.read_bytes()).cast("Q"))
    return stamps if all(stamps) else None
