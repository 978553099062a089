"""What is wrong for as long as nobody mends it: said once a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from resqd.clock import Clock

EVERY: Final = 60.0
"""Seconds between two log lines about the same trouble."""
_MOST: Final = 1_000


class Complaints:
    """Says when a trouble, named by a text, is to be logged again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}

    def due(self, trouble: str) -> bool:
        """Whether to log it now; a call that says so counts as having logged it."""
        now = self._clock()
        if now - self._said.get(trouble, float("-inf")) < EVERY:
            return False
        if len(self._said) >= _MOST:
            self._said.clear()
        self._said[trouble] = now
        return True
