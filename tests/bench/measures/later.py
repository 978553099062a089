"""Jobs that are to run later: how fast they are put and moved to their queues, and how late they start."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import cast

from resqd.store.later.later import Later
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from tests.bench.arithmetic import percentile
from tests.bench.bench import Bench, LostJobsError, Shape
from tests.bench.jobs import QUEUE, STAMPS_FILE, app, noop, stamp
from tests.bench.measures.latency import stamps_when_all_started

_FAR = 3600.0
_TURNS = 10
_WARM = 20
_DELAY = 0.1
_PAUSE = 0.02


def putting(bench: Bench) -> dict[str, float]:
    """`enqueue_in` in turns with `enqueue`, then many at once, with no daemon at work."""
    bench.place.clean()
    app.configure(redis_url=bench.place.url, namespace=bench.place.keys.namespace)
    many, turn = bench.scale.count(100_000), bench.scale.count(5_000) // _TURNS
    noop.enqueue(0)  # connects
    noop.enqueue_in(_FAR, 0)
    now = put = 0.0
    for _ in range(_TURNS):
        marks = [time.perf_counter()]
        for number in range(turn):
            noop.enqueue(number)
        marks.append(time.perf_counter())
        for number in range(turn):
            noop.enqueue_in(_FAR, number)
        marks.append(time.perf_counter())
        spent = [after - before for before, after in pairwise(marks)]
        now, put = now + spent[0], put + spent[1]
    memory = _memory(bench)
    began = time.perf_counter()
    noop.using(delay=_FAR).enqueue_many([(number,) for number in range(many)])
    ended = time.perf_counter()
    _expect(bench, later=1 + _TURNS * turn + many, queued=1 + _TURNS * turn)
    return {
        "enqueue-in": _TURNS * turn / put,
        "enqueue-in-of-enqueue": now / put * 100,
        "enqueue-in-many": many / (ended - began),
        "later-memory": (_memory(bench) - memory) / many - _payload(bench),
    }


def promotion(bench: Bench) -> dict[str, float]:
    """The calls by which a housekeeper moves jobs, one after another; all jobs are due already, at one moment."""
    bench.place.clean()
    app.configure(redis_url=bench.place.url, namespace=bench.place.keys.namespace)
    total = bench.scale.count(100_000)
    noop.using(delay=0.0).enqueue_many([(number,) for number in range(total)])
    link = Link(ConnectionConfig.from_url(bench.place.url))
    later = Later(link, bench.place.keys)
    marks = [time.perf_counter()]
    while later.promote().moved:
        marks.append(time.perf_counter())
    link.close()
    _expect(bench, later=0, queued=total)
    calls = [after - before for before, after in pairwise(marks)]
    return {
        "promotion": total / (marks[-1] - marks[0]),
        "promotion-call": percentile(calls, 0.5) * 1e3,
        "promotion-call-p99": percentile(calls, 0.99) * 1e3,
    }


def due(bench: Bench) -> dict[str, float]:
    """One job each 20 ms that is due in 0.1 s, on an idle daemon: from that moment to its first line.

    The moment is reckoned from the call of `enqueue_in`, on the host's monotonic clock, as the job's start is.
    """
    bench.place.clean()
    count = _WARM + bench.scale.pushes
    file = bench.place.folder / "stamps"
    file.write_bytes(bytes(8 * count))
    app.configure(redis_url=bench.place.url, namespace=bench.place.keys.namespace)
    with bench.daemon(Shape(), **{STAMPS_FILE: str(file)}):
        dues = [_due(0)]
        bench.await_processed(1)
        for number in range(1, count):
            time.sleep(_PAUSE)
            dues.append(_due(number))
        started = stamps_when_all_started(file)
    waits = [(began - moment) / 1e6 for moment, began in zip(dues, started, strict=True)][_WARM:]
    return {"due-p50": percentile(waits, 0.5), "due-p99": percentile(waits, 0.99)}


def _due(number: int) -> int:
    asked = time.monotonic_ns()
    stamp.enqueue_in(_DELAY, number)
    return asked + round(_DELAY * 1e9)


def _expect(bench: Bench, *, later: int, queued: int) -> None:
    found = int(bench.place.client.zcard(bench.place.keys.later)), bench.place.length(QUEUE)
    if found != (later, queued):
        raise LostJobsError(f"{later} jobs later and {queued} queued were expected, and are {found}")


def _memory(bench: Bench) -> int:
    return int(bench.place.client.info("memory")["used_memory"])


def _payload(bench: Bench) -> int:
    """Bytes of one of them."""
    _, entry = cast(
        "list[bytes]", bench.place.client.hrandfield(bench.place.keys.later_jobs, 1, withvalues=True)
    )
    return len(entry)
