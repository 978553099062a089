"""The last minutes of the counters, as this process has seen them: enough for live rates."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

KEPT: Final = 900.0
"""Seconds that are kept."""
_APART: Final = 1.5
"""Seconds that two samples are apart at least: several readers poll at once."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Totals since the counters were cleared, and what waited and ran, at a time of Redis's clock."""

    at: float
    processed: int
    failed: int
    waiting: int
    running: int


class Samples:
    """Threads share it."""

    def __init__(self) -> None:
        self._kept: deque[Sample] = deque()
        self._lock = threading.Lock()

    def add(self, sample: Sample) -> None:
        """Keep it, unless the last one is too near or the clock has gone back."""
        with self._lock:
            if self._kept and sample.at < self._kept[-1].at:
                self._kept.clear()  # another server, or its clock was set back
            if not self._kept or sample.at - self._kept[-1].at >= _APART:
                self._kept.append(sample)
            while self._kept and sample.at - self._kept[0].at > KEPT:
                self._kept.popleft()

    def all(self) -> list[Sample]:
        """What is kept, oldest first."""
        with self._lock:
            return list(self._kept)

    def over(self, seconds: float) -> tuple[Sample, Sample] | None:
        """The newest sample and the oldest of the last so many seconds; None where there is only one."""
        kept = self.all()
        if len(kept) < 2:
            return None
        last = kept[-1]
        first = next(sample for sample in kept if last.at - sample.at <= seconds)
        return (first, last) if first is not last else None


@dataclass(frozen=True, slots=True)
class Rates:
    """Jobs a second that ended and that failed, and how many that was; None while nothing is known."""

    finished: float | None
    failed: float | None
    ended: int = 0
    failures: int = 0


def rates(span: tuple[Sample, Sample] | None) -> Rates:
    """The rates between two samples; a counter that was cleared in between says nothing."""
    if span is None:
        return Rates(None, None)
    first, last = span
    seconds, ended, failures = (
        last.at - first.at,
        last.processed - first.processed,
        last.failed - first.failed,
    )
    if seconds <= 0 or ended < 0 or failures < 0:
        return Rates(None, None)
    return Rates(ended / seconds, failures / seconds, ended, failures)
