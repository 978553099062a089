"""RESQD_PRESET: workers, threads and jobs a fork in one word, for as many processors as this process may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

NAMES = ("resque", "balanced", "throughput")
"""The first is the default: a fork for each job, as in Resque."""

_SHAPES: Mapping[str, Callable[[int], dict[str, int]]] = {
    "resque": lambda _processors: {},
    "balanced": lambda processors: {
        "worker_count": processors,
        "thread_count": 5,
        "jobs_per_fork": 500,
    },
    "throughput": lambda processors: {
        "worker_count": processors,
        "thread_count": 10,
        "jobs_per_fork": 0,
    },
}


def shape(name: str, processors: int | None = None) -> dict[str, int]:
    """The settings that a preset stands for, by field; `processors` defaults to those that this process may use."""
    return _SHAPES[name](processors or len(os.sched_getaffinity(0)))
