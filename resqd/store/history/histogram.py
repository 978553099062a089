"""Times in buckets on a logarithmic scale: for scrapers, and for the history."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

BUCKETS: tuple[float, ...] = tuple(round(0.0001 * (3_600 / 0.0001) ** (i / 23), 7) for i in range(24))
"""Upper bounds in seconds: 24 of them, evenly spaced on a logarithmic scale from 0.1 ms to an hour."""


@dataclass(slots=True)
class Histogram:
    """How many times fell below each bound; `times` that were not kept count like those that were."""

    buckets: list[float] = field(default_factory=lambda: [0.0] * (len(BUCKETS) + 1))
    total: float = 0.0
    """The sum, in seconds."""

    def add(self, times: Sequence[float], count: int) -> None:
        """Count `count` times, in seconds, of which `times` is a sample."""
        if not times:
            return
        weight = count / len(times)
        for each in times:
            self.buckets[bisect_left(BUCKETS, each)] += weight
        self.total += sum(times) * weight

    def merge(self, other: Histogram) -> None:
        """Count what another has counted."""
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]
        self.total += other.total

    @property
    def count(self) -> int:
        """How many there were."""
        return round(sum(self.buckets))

    def quantile(self, part: float) -> float | None:
        """The time, in seconds, below which this part (0 to 1) of all lies; None where there are none.

        Within a bucket, whose bounds are a factor of 2.1 apart, times are taken for evenly spread on the scale; what
        lasted more than an hour counts as an hour.
        """
        number = sum(self.buckets)
        if not number:
            return None
        wanted, seen = part * number, 0.0
        for at, count in enumerate(self.buckets):
            if count and seen + count >= wanted:
                return _between(at, max(0.0, wanted - seen) / count)
            seen += count
        return BUCKETS[-1]


def _between(at: int, part: float) -> float:
    """The time so far through bucket `at`."""
    if at == 0:
        return BUCKETS[0] * part
    if at == len(BUCKETS):
        return BUCKETS[-1]
    low, high = BUCKETS[at - 1], BUCKETS[at]
    return low * float((high / low) ** part)
