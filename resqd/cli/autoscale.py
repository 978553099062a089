"""How many workers are wanted: decided from what came, how long it ran, and what waits. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

from resqd.store.history.reader import Point


@dataclass(frozen=True, slots=True)
class Load:
    """What there is to do: jobs that come a second, seconds that one runs (None: not known), and how many wait."""

    arrivals: float
    run: float | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many threads a worker has, for how many seconds a job may wait, and the fewest and the most workers."""

    threads: int
    goal: float
    least: int
    most: int


def load_of(points: Sequence[Point], waiting: int) -> Load:
    """The load over these points of the history, of which the last is the newest; `waiting` is how many wait now.

    What came is what ended, and by how much the queues grew.
    """
    total = [point.counts() for point in points]
    ended = sum(each.ended for each in total)
    seconds = sum(point.seconds for point in points)
    number = sum(each.ran.count for each in total)
    run = sum(each.ran.total for each in total) / number if number else None
    grown = waiting - sum(looks.lengths for looks in points[0].row.queues.values()) if points else 0
    return Load(max(0.0, (ended + grown) / seconds) if seconds else 0.0, run, waiting)


def wanted(load: Load, bounds: Bounds) -> int:
    """So many workers, that jobs begin within the goal and what waits now has begun by then.

    The threads that the arrivals keep busy, and the square root of that as the reserve for their unevenness (the
    square-root rule of staffing, Halfin and Whitt 1981); and as many as run what waits within the goal.
    """
    if load.run is None:
        return min(bounds.most, max(bounds.least, 1 if load.waiting else 0))
    busy = load.arrivals * load.run
    threads = busy + sqrt(busy) + load.waiting * load.run / bounds.goal
    at_least = 1 if load.waiting or load.arrivals else 0
    return min(bounds.most, max(bounds.least, at_least, ceil(threads / bounds.threads - 1e-9)))
