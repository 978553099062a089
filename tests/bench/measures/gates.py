"""Limits: what a gate with room costs, how soon the next one begins, and how exact a rate is."""

from __future__ import annotations

import time
from bisect import bisect_left
from functools import partial
from itertools import pairwise
from pathlib import Path

from resqd.store.resque import encoding
from tests.bench.arithmetic import drain_window, percentile, slope
from tests.bench.bench import Bench, Shape
from tests.bench.jobs import QUEUE, STAMPS_FILE
from tests.bench.measures.latency import stamps_when_all_started
from tests.support.waiting import wait_for

_APP = "tests.bench.limited_jobs:app"
_CHUNK = 5_000
_RATE = 100
_STOCK = {
    name: [raw for _, raw in encoding.encode_many(name, [(n,) for n in range(500)], enqueued_at=time.time())]
    for name in ("Wide", "Each", "Rated")
}


def throughput(bench: Bench) -> dict[str, float]:
    """Drains of no-op jobs behind gates that have room, in turns with as many plain ones."""
    total = bench.scale.count(150_000)
    plain = slope(drain_window(bench.drain(Shape(), total), total))
    found = {"gated-plain": plain}
    for name, stock in _STOCK.items():
        rate = slope(drain_window(bench.drain(Shape(app=_APP), total, stock), total))
        found[f"gated-{name.lower()}"] = rate
        found[f"gated-{name.lower()}-of-plain"] = rate / plain * 100
    return found


def parked(bench: Bench) -> dict[str, float]:
    """Many jobs of one tenant at the head of the queue, one at a time of which may run, and one of another behind them.

    Once all are parked, what comes then starts as on an idle daemon.
    """
    total = bench.scale.count(1_000_000)
    bench.place.clean()
    for first in range(0, total, _CHUNK):
        rows = [("a", 0)] * min(_CHUNK, total - first)
        _push(bench, [raw for _, raw in encoding.encode_many("Narrow", rows, enqueued_at=time.time())])
    count = 1 + bench.scale.pushes // 4
    file = _stamps(bench, 3 + count)
    began = _push(bench, [_other(2)])
    with bench.daemon(Shape(app=_APP), **{STAMPS_FILE: str(file)}):
        wait_for(lambda: _stamp(file, 2), 600, what="the other tenant's job starts", every=0.005)
        found = {"parked-other": (_stamp(file, 2) - began) / 1e9}
        waits = []
        for number in range(3, 3 + count):
            time.sleep(0.02)
            pushed = _push(bench, [_other(number)])
            wait_for(partial(_stamp, file, number), 60, what="another one starts", every=0.001)
            waits.append((_stamp(file, number) - pushed) / 1e6)
    return {**found, "parked-then": percentile(waits, 0.5)}


def _stamps(bench: Bench, count: int) -> Path:
    file = bench.place.folder / "stamps"
    file.write_bytes(bytes(8 * count))
    return file


def _stamp(file: Path, number: int) -> int:
    return int.from_bytes(file.read_bytes()[8 * number : 8 * number + 8], "little")


def _other(number: int) -> bytes:
    return encoding.encode("Other", [number], id=encoding.new_id())


def _push(bench: Bench, raws: list[bytes]) -> int:
    """When they were pushed, by the host's monotonic clock."""
    bench.place.client.sadd(bench.place.keys.queues, QUEUE)
    pushed = time.monotonic_ns()
    bench.place.client.rpush(bench.place.keys.queue(QUEUE), *raws)
    return pushed


def freed(bench: Bench) -> dict[str, float]:
    """One job of a tenant at a time: from the end of each to the start of the next."""
    bench.place.clean()
    count = 10 + bench.scale.pushes
    file = _stamps(bench, 2 * count)
    rows = [("a", number) for number in range(count)]
    with bench.daemon(Shape(app=_APP), **{STAMPS_FILE: str(file)}):
        _push(bench, [raw for _, raw in encoding.encode_many("Narrow", rows, enqueued_at=time.time())])
        stamps = stamps_when_all_started(file)
    runs = sorted(zip(stamps[::2], stamps[1::2], strict=True))
    waits = [(start - end) / 1e6 for (_, end), (start, _) in pairwise(runs)][10:]
    return {"freed-p50": percentile(waits, 0.5), "freed-p99": percentile(waits, 0.99)}


def paced(bench: Bench) -> dict[str, float]:
    """Rate(100, per=1) under pressure: the most that started in any second, and how many of those that might have."""
    bench.place.clean()
    seconds = 30 if bench.scale.every_point else 5
    count = round(_RATE * (seconds + 2))
    file = _stamps(bench, count)
    with bench.daemon(Shape(app=_APP), **{STAMPS_FILE: str(file)}):
        rows = [(number,) for number in range(count)]
        _push(bench, [raw for _, raw in encoding.encode_many("Paced", rows, enqueued_at=time.time())])
        stamps_when_all_started(file, 2 * seconds + 10)
    starts = sorted(memoryview(file.read_bytes()).cast("Q"))
    most = max(bisect_left(starts, start + 10**9) - at for at, start in enumerate(starts))
    within = bisect_left(starts, starts[0] + seconds * 10**9)
    return {"rate-most": most, "rate-share": within / (_RATE * seconds) * 100}
