"""What a worker counts for statsd: starts, ends and times of its jobs, between two reports to the master."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from resqd.store.resque.payload import believed
from resqd.text import shown
from resqd.wire.messages import JobMetrics, Running
from resqd.wire.tallies import SAMPLES, Tallies, Tally
from resqd.worker.holdings import Done, Failed, Outcomes, Settled

NAME = 128
"""The most characters of a job's class that are counted by."""


class Metrics:
    """The fetcher tells what has ended, the control thread what runs; it also takes the counts.

    A job is counted as started at the first report that finds it running, or at its end when that comes
    first. `held` says whether a token has no outcome yet that was told: a look at the threads may be late.
    """

    def __init__(self, *, held: Callable[[int], bool], wall: Callable[[], float] = time.time) -> None:
        self._held = held
        self._wall = wall
        self._lock = threading.Lock()
        self._tallies = Tallies()
        self._begun: set[int] = set()

    def told(self, outcomes: Outcomes) -> None:
        """Count jobs that have ended. Of a large batch all are counted, and some times kept of each class."""
        failed, timed = [end for end in map(_end, outcomes.failed) if end], outcomes.timed
        others = _by_kind(outcomes.settled)
        with self._lock:
            for job_class, count in Counter([done[1] for done in timed]).items():
                self._tally(job_class).succeeded += count
            for job_class, count in Counter([end[1] for end in failed]).items():
                self._tally(job_class).failed += count
            for late in (each.payload for each in outcomes.failed if each.failure.late and each.payload):
                self._tally(late.job_class).timeouts += 1
            for kind, ends in others.items():
                self._count_others(kind, ends)
            unrun = ("expired", "elsewhere")
            ran = [end for kind, ends in others.items() if kind not in unrun for end in ends]
            self._count_starts([*timed, *failed, *ran])
            self._keep_times([*timed, *failed, *ran])

    def _count_others(self, kind: str, ends: list[Done]) -> None:
        for job_class, count in Counter([end[1] for end in ends]).items():
            tally = self._tally(job_class)
            if kind == "done":
                tally.succeeded += count
            elif kind == "discarded":
                tally.discarded += count
            elif kind == "expired":
                tally.expired += count
            elif kind in ("retry", "timeout"):
                tally.retried += count
                tally.timeouts += count if kind == "timeout" else 0

    def _tally(self, job_class: str) -> Tally:
        return self._tallies.of(job_class[:NAME])

    def _count_starts(self, ends: list[Done]) -> None:
        if self._begun:
            ends = [end for end in ends if end[0] not in self._begun]
            self._begun.intersection_update([token for token in self._begun if self._held(token)])
        for job_class, count in Counter([end[1] for end in ends]).items():
            self._tally(job_class).started += count

    def _keep_times(self, ends: list[Done]) -> None:
        since = self._wall() - time.monotonic()
        chosen = ends
        if len(ends) > SAMPLES:
            newest = {end[1]: end for end in ends}
            chosen = list(
                {end[0]: end for end in [*ends[:: len(ends) // SAMPLES], *newest.values()]}.values()
            )
        for _, job_class, began, ended, enqueued_at in chosen:
            tally = self._tally(job_class)
            tally.run_ms.append((ended - began) * 1000)
            if (enqueued := believed(enqueued_at)) is not None:
                tally.wait_ms.append(max(0.0, (since + began - enqueued) * 1000))

    def running(self, jobs: Iterable[Running]) -> None:
        """Count jobs that run and were not counted yet."""
        with self._lock:
            for job in jobs:
                if job.token not in self._begun and self._held(job.token):
                    self._begun.add(job.token)
                    self._tallies.of(job.job_class).started += 1

    def take(self) -> tuple[JobMetrics, ...]:
        """Take the counts out, for a report, by the classes' names as they are shown."""
        with self._lock:
            return tuple(replace(each, job_class=shown(each.job_class)) for each in self._tallies.take())

    def restore(self, metrics: tuple[JobMetrics, ...]) -> None:
        """Put counts back: the report could not be sent."""
        with self._lock:
            self._tallies.add(metrics)


def _end(outcome: Failed) -> Done | None:
    """When it began and ended; what could not be read has no class to count it by."""
    payload = outcome.payload
    if payload is None:
        return None
    return outcome.token, payload.job_class, outcome.began, outcome.ended, payload.enqueued_at


def _by_kind(settled: Iterable[Settled]) -> dict[str, list[Done]]:
    """When they began and ended, by the kind of their end."""
    kinds: dict[str, list[Done]] = {}
    for token, payload, settlement, began, ended in settled:
        if payload is not None:
            end = token, payload.job_class, began, ended, payload.enqueued_at
            kinds.setdefault(settlement.kind, []).append(end)
    return kinds
