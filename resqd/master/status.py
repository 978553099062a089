"""What `resqctl status` shows, a plain dict from the master's views; and the master's process title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resqd import SHORT_VERSION
from resqd.master.child import Child
from resqd.master.plan import Fleet
from resqd.wire.birth import Kind
from resqd.wire.messages import Running


def worker_status(child: Child, *, jobs_per_fork: int, last_exit: str | None, now: float) -> dict[str, Any]:
    """One worker process."""
    return {
        "index": child.index,
        "kind": child.kind.value,
        "pid": child.pid,
        "state": child.state if child.booted else "booting",
        "booted": child.booted,
        "uptime_s": round(now - child.born, 3),
        "jobs_done": child.stats.processed,
        "jobs_per_fork": 1 if child.kind is Kind.PROBATION else jobs_per_fork,
        "rss_bytes": child.stats.rss_bytes,
        "cpu_percent": round(child.cpu_percent, 1),
        "redis": child.stats.redis,
        "hung": child.hung or None,
        "healthy": child.healthy,
        "threads_missing": child.stats.missing,
        "threads_replaced": child.stats.replaced,
        "threads": _threads(child, now),
        "last_exit": last_exit,
    }


def empty_place(index: int, *, jobs_per_fork: int, last_exit: str | None, retry_in: float) -> dict[str, Any]:
    """A place without a worker process; `retry_in` is in seconds."""
    return {
        "index": index,
        "kind": Kind.WORKER.value,
        "pid": None,
        "state": "waiting",
        "booted": False,
        "retry_in_s": round(retry_in, 3),
        "jobs_done": 0,
        "jobs_per_fork": jobs_per_fork,
        "rss_bytes": 0,
        "cpu_percent": 0.0,
        "healthy": False,
        "threads_missing": 0,
        "threads_replaced": 0,
        "threads": [],
        "last_exit": last_exit,
    }


def housekeeper_status(child: Child | None, *, redis: str, since: float, now: float) -> dict[str, Any]:
    """The housekeeper, and how Redis is; `since` is seconds ago."""
    return {
        "pid": child.pid if child else None,
        "state": "missing" if child is None else child.state if child.booted else "booting",
        "redis": redis,
        "since": round(max(0.0, now - since), 3),
    }


def busy_threads(children: Sequence[Child]) -> int:
    """How many job threads run a job now, by the shared pages."""
    return sum(len(child.page.running()) for child in children if child.working)


def _threads(child: Child, now: float) -> list[dict[str, Any]]:
    jobs: Mapping[int, Running] = {job.thread: job for job in child.running()}
    return [{"index": index, "job": _job(jobs.get(index), now)} for index in range(len(child.page.cells))]


def _job(job: Running | None, now: float) -> dict[str, Any] | None:
    if job is None:
        return None
    return {
        "id": job.job_id,
        "class": job.job_class,
        "queue": job.queue,
        "running_s": round(max(0.0, now - job.since), 3),
    }


def title(*, prefix: str, fleet: Fleet, per_second: float) -> str:
    """For instance `resqd-1.0 (resque-1.0): master [default] 4 workers, 12 running, 3204/s`.

    Stock Resque on the same host looks for `resque-[0-9]` at the start of what `ps` shows, hence the bracket.
    """
    state = "" if fleet.intent.value == "running" else f", {fleet.intent.value}"
    return (
        f"{prefix}resqd-{SHORT_VERSION} (resque-{SHORT_VERSION}): master [{fleet.name}] {fleet.worker_count} workers, "
        f"{busy_threads(fleet.children)} running, {per_second:.0f}/s{state}"
    )
