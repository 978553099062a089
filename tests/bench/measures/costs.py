"""Costs: the processor's time that a job takes, of Redis's server and of the daemon's processes."""

from __future__ import annotations

import time
from functools import partial
from typing import NamedTuple

import psutil

from tests.bench.bench import NOOPS, POLL, Bench, Shape
from tests.bench.jobs import QUEUE
from tests.support.daemon import Daemon

_MICRO = 1_000_000


class _Spent(NamedTuple):
    """Jobs left at a moment, and seconds of the processor that were spent until then."""

    left: int
    server: float
    daemon: float


def costs(bench: Bench) -> dict[str, float]:
    """Between 15 and 85 % drained: 2 workers with 8 threads that are never recycled."""
    total = bench.scale.count(400_000)
    bench.place.clean()
    bench.place.fill(QUEUE, total, NOOPS)
    with bench.daemon(Shape()) as daemon:
        begin = _spent_at(bench, daemon, 0.85 * total)
        end = _spent_at(bench, daemon, 0.15 * total)
        bench.watch(partial(bench.place.length, QUEUE), total)
    bench.expect_all(total)
    if begin.left == end.left:
        raise ValueError("no job went between two looks")
    jobs = begin.left - end.left
    return {
        "server-cpu": (end.server - begin.server) / jobs * _MICRO,
        "worker-cpu": (end.daemon - begin.daemon) / jobs * _MICRO,
    }


def _spent_at(bench: Bench, daemon: Daemon, left: float) -> _Spent:
    """What was spent when no more than so many jobs are left, or time is up."""
    until = time.monotonic() + 2 * bench.scale.drain + 10
    while (now := bench.place.length(QUEUE)) > left and time.monotonic() < until:
        time.sleep(POLL)
    spent = bench.place.client.info("cpu")
    server = float(spent["used_cpu_user"]) + float(spent["used_cpu_sys"])
    return _Spent(now, server, sum(map(_seconds, daemon.tree())))


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
