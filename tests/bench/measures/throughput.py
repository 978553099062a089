"""Throughput: drains of a full queue, beside the bare loop in the same run."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from resqd.store.resque import encoding
from tests.bench.arithmetic import Sample, drain_window, longest_standstill, slope
from tests.bench.bench import NOOPS, Bench, Shape
from tests.bench.jobs import QUEUE

_ROOT = Path(__file__).parents[3]
_NAPS = [encoding.encode("Nap", [0.001], id=encoding.new_id()) for _ in range(500)]
_ENDS_SECONDS = 30


def throughput(bench: Bench) -> dict[str, float]:
    """2 workers with 8 threads: never recycled, and after 1000 and 100 jobs; the bare loop for comparison."""
    full, thousand, hundred = map(bench.scale.count, (400_000, 200_000, 50_000))
    bare = slope(drain_window(_bare(bench, full), full))
    never = _rate(bench, Shape(), full)
    quiet = _rate(bench, Shape(statsd=False), full)
    window = drain_window(bench.drain(Shape(jobs_per_fork=1000), thousand), thousand)
    recycled = slope(window)
    return {
        "bare": bare,
        "throughput": never,
        "throughput-of-bare": never / bare * 100,
        "throughput-no-statsd": quiet,
        "fork-1000": recycled,
        "fork-1000-of-0": recycled / never * 100,
        "dip": longest_standstill(window) * 1000,
        "fork-100": _rate(bench, Shape(jobs_per_fork=100), hundred),
    }


def fork_each(bench: Bench) -> dict[str, float]:
    """2 workers with 1 thread, a fork for each job."""
    return {"fork-1": _rate(bench, Shape(threads=1, jobs_per_fork=1), bench.scale.count(1_000))}


def naps(bench: Bench) -> dict[str, float]:
    """2 workers with 16 threads, jobs that sleep for 1 ms."""
    total = bench.scale.count(80_000)
    return {"naps": slope(drain_window(bench.drain(Shape(threads=16), total, _NAPS), total))}


def _rate(bench: Bench, shape: Shape, total: int) -> float:
    return slope(drain_window(bench.drain(shape, total), total))


def _bare(bench: Bench, total: int) -> list[Sample]:
    bench.place.clean()
    bench.place.fill(QUEUE, total, NOOPS)
    with contextlib.ExitStack() as stack:
        loops = [stack.enter_context(_loop(bench, number)) for number in range(_cores())]
        for loop in loops:
            assert loop.stdout is not None
            loop.stdout.readline()
        for loop in loops:
            assert loop.stdin is not None
            loop.stdin.write(b"go\n")
            loop.stdin.flush()
        samples = bench.watch(partial(bench.place.length, QUEUE))
        for loop in loops:
            loop.wait(_ENDS_SECONDS)
    bench.expect_all(total)
    return samples


@contextlib.contextmanager
def _loop(bench: Bench, number: int) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [bench.place.url, bench.place.keys.namespace, QUEUE, str(number)]
    loop = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=_ROOT,
    )
    with loop:
        try:
            yield loop
        finally:
            loop.kill()


def _cores() -> int:
    return len(os.sched_getaffinity(0))
