"""Footprint: memory after work, and what an idle daemon costs Redis and the processor."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

from tests.bench.bench import NOOPS, Bench, Shape
from tests.bench.jobs import QUEUE

_MORE_WORKERS = 4
_MB = 1_000_000


def memory(bench: Bench) -> dict[str, float]:
    """PSS of all the daemon's processes, idle after work; and the share of each of four further workers."""
    base = _pss(bench, Shape())
    more = _pss(bench, Shape(workers=Shape().workers + _MORE_WORKERS))
    return {"memory": base / _MB, "memory-worker": (more - base) / _MORE_WORKERS / _MB}


def _pss(bench: Bench, shape: Shape) -> int:
    bench.place.clean()
    total = bench.place.fill(QUEUE, bench.scale.count(100_000), NOOPS)
    with bench.daemon(shape) as daemon:
        bench.await_processed(total)
        time.sleep(1.0)  # threads go to sleep, reports are sent
        pss = sum(one.memory_full_info().pss for one in daemon.tree())
    bench.expect_all(total)
    return int(pss)


def idle(bench: Bench) -> dict[str, float]:
    """Redis commands as INFO commandstats counts them, and CPU time of all threads, of a daemon without work."""
    bench.place.clean()
    total = bench.place.fill(QUEUE, 100, NOOPS)
    with bench.daemon(Shape()) as daemon:
        bench.await_processed(total)
        time.sleep(bench.scale.settle)
        pids = [one.pid for one in daemon.tree()]
        began, cpu, commands = time.monotonic(), _cpu_seconds(pids), _commands(bench)
        time.sleep(bench.scale.idle)
        cpu, commands = _cpu_seconds(pids) - cpu, _commands(bench) - commands
        seconds = time.monotonic() - began
    return {"idle-commands": commands / seconds, "idle-cpu": cpu / seconds * 100}


def _commands(bench: Bench) -> int:
    """Calls of all commands so far, those inside scripts too, but for the one that asks."""
    stats = bench.place.client.info("commandstats")
    return sum(stat["calls"] for name, stat in stats.items() if name != "cmdstat_info")


def _cpu_seconds(pids: Iterable[int]) -> float:
    """The time on a processor of all the processes' threads, by the scheduler's own count."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # the thread ended meanwhile
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9
