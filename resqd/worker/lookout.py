"""When to look at the queues again: pure timing over passed-in moments, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

POLL_MOST = 5.0
"""Seconds between two looks at empty queues while the doorbell works."""
POLL_BURST = 0.1
"""The same with an INTERVAL of 0, while the last jobs run."""


@dataclass(slots=True)
class Lookout:
    """Looks at once while there is a backlog; at empty queues on the bell, and every so often to be safe."""

    first: float
    """Seconds between looks that find nothing, at first and while nothing rings."""
    empty: bool = False
    """Whether the last look found less than was wanted."""
    rung: bool = False
    """Whether the bell has rung since the last look."""
    _every: float = 0.0
    _looked_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.first = self.first or POLL_BURST
        self._every = self.first

    def due(self, now: float, *, bell_works: bool) -> bool:
        """Whether to look now, when there is room for jobs."""
        return not self.empty or self.rung or now >= self.next_at(bell_works=bell_works)

    def looked(self, *, got: int, wanted: int, patient: bool, now: float) -> None:
        """Note a look. `patient`: a push would ring, so looks that find nothing may become rare."""
        self.rung = False
        self.empty = got < wanted
        self._looked_at = now
        self._every = max(self.first, min(POLL_MOST, self._every * 2)) if patient and not got else self.first

    def next_at(self, *, bell_works: bool) -> float:
        """When to look at empty queues; sooner when the bell has failed since the last look."""
        return self._looked_at + (self._every if bell_works else self.first)
