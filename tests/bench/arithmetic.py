"""The benchmark's arithmetic: medians and their spread, a queue's slope, the longest standstill."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

DRAINED_FROM, DRAINED_TO = 0.15, 0.85
"""The part of a drain that is measured: neither the start nor the last jobs count."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What several runs of one measure gave."""

    median: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """The median of the values, and the least and the greatest; ValueError where there are none."""
        if not values:
            raise ValueError("a figure needs at least one run")
        return cls(statistics.median(values), min(values), max(values), len(values))


@dataclass(frozen=True, slots=True)
class Sample:
    """How many jobs are left at a moment, in seconds on a monotonic clock."""

    at: float
    left: int


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("a percentile needs at least one value")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def drain_window(samples: Sequence[Sample], total: int) -> list[Sample]:
    """The samples from the first at or past 15 % drained to the first at or past 85 %, or to the last there is.

    ValueError where 15 % were never reached, or no job went after that.
    """
    begin = _first(samples, lambda sample: sample.left <= total * (1 - DRAINED_FROM))
    if begin is None:
        raise ValueError(f"fewer than {DRAINED_FROM:.0%} of {total} jobs were taken in time")
    end = _first(samples, lambda sample: sample.left <= total * (1 - DRAINED_TO))
    window = list(samples[begin : len(samples) if end is None else end + 1])
    if window[0].left == window[-1].left:
        raise ValueError(f"no two samples stand between {DRAINED_FROM:.0%} and {DRAINED_TO:.0%} drained")
    return window


def _first(samples: Sequence[Sample], test: Callable[[Sample], bool]) -> int | None:
    return next((at for at, sample in enumerate(samples) if test(sample)), None)


def slope(window: Sequence[Sample]) -> float:
    """Jobs per second over the whole window."""
    first, last = window[0], window[-1]
    return (first.left - last.left) / (last.at - first.at)


def longest_standstill(window: Sequence[Sample]) -> float:
    """The longest time in seconds over which sample after sample found the same number of jobs left."""
    longest, since = 0.0, window[0].at
    for before, now in pairwise(window):
        if now.left != before.left:
            since = now.at
        longest = max(longest, now.at - since)
    return longest


def change(before: float, after: float) -> float:
    """How much greater `after` is than `before`, in percent; negative where it is less."""
    return (after / before - 1) * 100
