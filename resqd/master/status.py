"""The daemon's state for people: what `resqctl status` shows, and the master's title for ps and systemd."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from setproctitle import setproctitle

from resqd import SHORT_VERSION, __version__
from resqd.master.child import Child
from resqd.master.fleet import Fleet
from resqd.master.systemd import Notifier
from resqd.settings import Settings
from resqd.wire.birth import Kind, shard_of
from resqd.wire.intent import Intent
from resqd.wire.messages import Running

TITLE_EVERY = 0.25
"""Seconds between two process titles while jobs run."""


def daemon_status(fleet: Fleet, settings: Settings, now: float) -> dict[str, Any]:
    """The whole state, as `status --json` prints it."""
    workers = sorted(fleet.working(), key=lambda child: child.fork)
    return {
        "name": settings.name,
        "version": __version__,
        "state": fleet.intent.value,
        "pause_reasons": fleet.orders.pause_reasons(),
        "paused_queues": list(fleet.paused_queues or ()),
        "pid": os.getpid(),
        "uptime_s": round(now - fleet.started, 3),
        "settings": settings.public() | {"worker_count": fleet.worker_count},
        "totals": {
            **fleet.ledger.totals._asdict(),
            "per_second": round(fleet.ledger.per_second(now), 1),
        },
        "workers": sorted(
            [
                *(_worker(child, fleet, settings, now) for child in workers),
                *_empty_places(fleet, settings, now),
            ],
            key=lambda worker: (worker["kind"] != Kind.WORKER.value, worker["index"]),
        ),
        "housekeeper": housekeeper_status(
            fleet.housekeeper, redis=fleet.redis.text, since=fleet.redis.since, now=now
        ),
        "suspects": fleet.suspects.count,
    }


def _worker(child: Child, fleet: Fleet, settings: Settings, now: float) -> dict[str, Any]:
    last_exit = fleet.places.last_exits.get(child.index) if child.kind is Kind.WORKER else None
    return {"shard": shard_of(child.kind, child.index, fleet.settings.shards)} | worker_status(
        child,
        jobs_per_fork=settings.jobs_per_fork,
        threads=settings.thread_count,
        last_exit=last_exit,
        now=now,
    )


def _empty_places(fleet: Fleet, settings: Settings, now: float) -> Iterator[dict[str, Any]]:
    """Places whose worker could not be forked, or died at boot and is not tried again yet."""
    for (kind, index), at in fleet.places.ready_at.items():
        wanted = kind is Kind.WORKER and index < fleet.worker_count and not fleet.leaving
        if wanted and not fleet.workers(index):
            yield empty_place(
                index,
                jobs_per_fork=settings.jobs_per_fork,
                last_exit=fleet.places.last_exits.get(index),
                retry_in=max(0.0, at - now),
            )


def worker_status(
    child: Child, *, jobs_per_fork: int, threads: int, last_exit: str | None, now: float
) -> dict[str, Any]:
    """One worker process."""
    return {
        "index": child.index,
        "kind": child.kind.value,
        "pid": child.pid,
        "state": _state(child),
        "booted": child.life.booted,
        "uptime_s": round(now - child.identity.born, 3),
        "jobs_done": child.account.stats.processed,
        "jobs_per_fork": 1 if child.kind is Kind.PROBATION else jobs_per_fork,
        "rss_bytes": child.account.stats.rss_bytes,
        "cpu_percent": round(child.account.cpu_percent, 1),
        "redis": child.account.stats.redis,
        "hung": child.silence.hung or None,
        "healthy": child.healthy,
        "threads_missing": child.account.stats.missing,
        "threads_replaced": child.account.stats.replaced,
        "loop_blocked_by": child.account.stats.loop_blocked_by or None,
        "threads": _threads(child, threads, now),
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
        "loop_blocked_by": None,
        "threads": [],
        "last_exit": last_exit,
    }


def housekeeper_status(child: Child | None, *, redis: str, since: float, now: float) -> dict[str, Any]:
    """The housekeeper, and how Redis is; `since` is seconds ago."""
    return {
        "pid": child.pid if child else None,
        "state": _state(child),
        "redis": redis,
        "since": round(max(0.0, now - since), 3),
    }


def _state(child: Child | None) -> str:
    if child is None:
        return "missing"
    return child.life.state.value if child.life.booted else "booting"


def busy_threads(children: Sequence[Child]) -> int:
    """How many job threads run a job now, by the shared pages."""
    return sum(len(child.page.running()) for child in children if child.working)


def _threads(child: Child, threads: int, now: float) -> list[dict[str, Any]]:
    jobs: Mapping[int, Running] = {job.thread: job for job in child.running()}
    # Of the many places for async jobs only those are of interest that are taken: threads come first.
    indices = [index for index in range(len(child.page.cells)) if index < threads or index in jobs]
    return [{"index": index, "job": _job(jobs.get(index), now)} for index in indices]


def _job(job: Running | None, now: float) -> dict[str, Any] | None:
    if job is None:
        return None
    return {
        "id": job.job_id,
        "class": job.job_class,
        "queue": job.queue,
        "running_s": round(max(0.0, now - job.since), 3),
        "progress": next(map(asdict, job.progress), None),
    }


def title(*, prefix: str, fleet: Fleet, per_second: float) -> str:
    """For instance `resqd-1.0 (resque-1.0): master [default] 4 workers, 12 running, 3204/s`.

    Stock Resque on the same host looks for `resque-[0-9]` at the start of what `ps` shows, hence the bracket.
    """
    state = "" if fleet.intent is Intent.RUNNING else f", {fleet.intent.value}"
    name, workers = fleet.settings.name, fleet.worker_count
    return (
        f"{prefix}resqd-{SHORT_VERSION} (resque-{SHORT_VERSION}): master [{name}] {workers} workers, "
        f"{busy_threads(fleet.children)} running, {per_second:.0f}/s{state}"
    )


class Display:
    """Keeps the process title up to date, and the line that `systemctl status` shows."""

    def __init__(self, *, fleet: Fleet, notifier: Notifier, prefix: str) -> None:
        self._fleet = fleet
        self._notifier = notifier
        self._prefix = prefix
        self._shown = ""
        self._show_at = 0.0

    def next_at(self) -> None:
        """Nobody is woken for it."""

    def tick(self, now: float) -> None:
        """Show what has changed; the rate's samples are taken here."""
        self._fleet.ledger.sample(now)
        if now < self._show_at:
            return
        self._show_at = now + TITLE_EVERY
        text = title(prefix=self._prefix, fleet=self._fleet, per_second=self._fleet.ledger.per_second(now))
        if text != self._shown:
            self._shown = text
            setproctitle(text)
            self._notifier.status(text.partition(": ")[2])
