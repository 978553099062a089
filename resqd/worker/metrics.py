"""What a worker counts for statsd: starts, ends and times of its jobs, between two reports to the master."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from resqd.store.resque.payload import believed
from resqd.text import shown
from resqd.wire.messages import JobMetrics, Running
from resqd.wire.tallies import SAMPLES, Tallies, Tally
from resqd.worker.holdings import Done, Failed

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

    def told(self, timed: Sequence[Done], failed: Sequence[Failed]) -> None:
        """Count jobs that have ended. Of a large batch all are counted, and some times kept of each class."""
        ends = [
            (
                outcome.token,
                outcome.payload.job_class,
                outcome.began,
                outcome.ended,
                outcome.payload.enqueued_at,
            )
            for outcome in failed
            if outcome.payload is not None  # what could not be read has no class to count it by
        ]
        with self._lock:
            for job_class, count in Counter([done[1] for done in timed]).items():
                self._tally(job_class).succeeded += count
            for job_class, count in Counter([end[1] for end in ends]).items():
                self._tally(job_class).failed += count
            self._count_starts([*timed, *ends])
            self._keep_times([*timed, *ends])

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
