"""What `resqd start` says at its start: what it will do, and what would make it faster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from resqd import events
from resqd.job import Job
from resqd.settings import Settings

_NAMED = 3
"""Jobs that are named of each queue; the rest is counted."""
_QUEUES = 8
"""Queues that are named."""


def announce(settings: Settings, jobs: Mapping[str, Job[..., Any]], *, redis: str) -> None:
    """Say it, in a few lines."""
    events.Cli.started(name=settings.name, jobs=len(jobs), app=settings.app, redis=redis)
    if jobs:
        events.Cli.jobs_known(jobs=by_queue(jobs))
    if len(settings.shards) > 1:
        events.Cli.shards_told(shards=len(settings.shards), home=settings.shards[0].shown)
    events.Cli.shape_told(
        queues=",".join(str(spec) for spec in settings.queues),
        order="" if settings.order == "strict" else f" ({settings.order})",
        workers=settings.worker_count,
        threads=settings.thread_count,
        each=f"{settings.jobs_per_fork} jobs a fork" if settings.jobs_per_fork else "never replaced",
        namespace=settings.namespace,
        term=settings.term,
    )
    if settings.jobs_per_fork == 1:
        events.Cli.fork_each_told()
    elif settings.thread_count == 1:
        events.Cli.one_thread_told()


def by_queue(jobs: Mapping[str, Job[..., Any]]) -> str:
    """`mail: welcome, divide; low: a, b, c and 4 more`."""
    queues: defaultdict[str, list[str]] = defaultdict(list)
    for name, job in jobs.items():
        queues[job.queue].append(name)
    told = [f"{queue}: {_some(names)}" for queue, names in list(queues.items())[:_QUEUES]]
    more = f"; and {len(queues) - _QUEUES} more queues" if len(queues) > _QUEUES else ""
    return "; ".join(told) + more


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
