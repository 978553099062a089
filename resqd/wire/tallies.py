"""Metrics on their way from the workers to statsd: counts that add up, and a bounded sample of times, by job class."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from resqd.wire.messages import JobMetrics

SAMPLES = 50
"""The most times of one class that are kept, the newest."""
MOST_CLASSES = 200
"""The most classes in one message, so that it fits into a frame."""
CROWD = 2_000
"""Classes beyond these are counted as one."""
OTHERS = "others"


def _sample() -> deque[float]:
    return deque(maxlen=SAMPLES)


@dataclass(slots=True)
class Tally:
    """The counts of one class; times in milliseconds."""

    started: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    discarded: int = 0
    expired: int = 0
    timeouts: int = 0
    """Jobs that ran out of time, which were retried or failed."""
    run_ms: deque[float] = field(default_factory=_sample)
    wait_ms: deque[float] = field(default_factory=_sample)


class Tallies:
    """Counts until they are taken; what could not be passed on is added again, so no count is lost."""

    def __init__(self) -> None:
        self._by_class: dict[str, Tally] = {}

    @property
    def empty(self) -> bool:
        """Whether there is nothing to take."""
        return not self._by_class

    def of(self, job_class: str) -> Tally:
        """The counts of a class, to be added to."""
        tally = self._by_class.get(job_class)
        if tally is None:
            name = job_class if len(self._by_class) < CROWD else OTHERS
            tally = self._by_class.setdefault(name, Tally())
        return tally

    def add(self, metrics: Iterable[JobMetrics]) -> None:
        """Add what another has counted, or what was taken and could not be passed on."""
        for each in metrics:
            tally = self.of(each.job_class)
            tally.started += each.started
            tally.succeeded += each.succeeded
            tally.failed += each.failed
            tally.retried += each.retried
            tally.discarded += each.discarded
            tally.expired += each.expired
            tally.timeouts += each.timeouts
            tally.run_ms.extend(each.run_ms)
            tally.wait_ms.extend(each.wait_ms)

    def take(self, most: int = MOST_CLASSES) -> tuple[JobMetrics, ...]:
        """Take out the counts of up to so many classes, those that have waited longest."""
        names = list(self._by_class)[:most]
        return tuple(_message(name, self._by_class.pop(name)) for name in names)


def _message(job_class: str, tally: Tally) -> JobMetrics:
    return JobMetrics(
        job_class,
        tally.started,
        tally.succeeded,
        tally.failed,
        tuple(tally.run_ms),
        tuple(tally.wait_ms),
        tally.retried,
        tally.discarded,
        tally.expired,
        tally.timeouts,
    )
