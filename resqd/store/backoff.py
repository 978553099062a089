"""How long to wait before the next try to reach Redis."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Pauses that double from 0.05 s to 4 s, jittered so that a fleet does not return in step.

    With the longest one jobs still run within 5 s of Redis's return, as promised.

    `random` returns floats in [0, 1).
    """

    FIRST = 0.05
    CEILING = 4.0
    REFUSED = 5.0

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._next = self.FIRST

    def delay(self, *, refused: bool = False) -> float:
        """Seconds to wait now. A refusal needs a person, so it waits longest from the start."""
        if refused:
            return self.REFUSED
        pause = self._next
        self._next = min(pause * 2, self.CEILING)
        return pause * (0.5 + 0.5 * self._random())

    def reset(self) -> None:
        """Redis answered: the next pause is a short one again."""
        self._next = self.FIRST
