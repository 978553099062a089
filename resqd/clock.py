"""Time as resqd uses it: monotonic seconds, and deadlines computed once and passed down."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]
"""A function that returns seconds which never go backwards; tests pass one that they move by hand."""

monotonic: Clock = time.monotonic


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on a monotonic clock; `at` is in that clock's seconds."""

    at: float
    clock: Clock = monotonic

    @classmethod
    def after(cls, seconds: float, clock: Clock = monotonic) -> Deadline:
        """The moment `seconds` from now."""
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - self.clock())

    def expired(self) -> bool:
        """Whether the moment has come."""
        return self.clock() >= self.at
