"""Time as resqd uses it: monotonic seconds, deadlines computed once and passed down, complaints once a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

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


_EVERY: Final = 60.0
"""Seconds between two log lines about the same trouble."""
_MOST: Final = 1_000


class Complaints:
    """Says when a trouble that lasts until somebody mends it, named by a text, is to be logged again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}

    def due(self, trouble: str) -> bool:
        """Whether to log it now; a call that says so counts as having logged it."""
        now = self._clock()
        if now - self._said.get(trouble, float("-inf")) < _EVERY:
            return False
        if len(self._said) >= _MOST:
            self._said.clear()
        self._said[trouble] = now
        return True
