"""How many job threads to start: pure policy over counts and a passed-in time."""

from __future__ import annotations

from dataclasses import dataclass

QUICK = 10_000.0
"""Jobs a second at which one thread is enough until shown otherwise: the GIL lets no other one add to it."""
LOOK_EVERY = 0.001
"""The least seconds over which one thread's work is judged."""


@dataclass(slots=True)
class Staffing:
    """A thread costs 0.2 ms to start and end: much, in a life of a hundred short jobs, for those that find no work."""

    _ended: int = 0
    _looked_at: float = 0.0

    def missing(
        self, *, started: int, slots: int, unfinished: int, ended: int, pace: float, now: float
    ) -> int:
        """How many more threads to start: one for each job and slot, but at a quick pace only where it drops.

        `ended` counts all jobs that have ended so far, `pace` is in jobs a second.
        """
        missing = min(slots, unfinished) - started
        if missing <= 0:
            return 0
        if pace < QUICK:
            return missing
        elapsed = now - self._looked_at
        if started and elapsed < LOOK_EVERY:
            return 0
        slow = ended - self._ended < QUICK * elapsed
        self._ended, self._looked_at = ended, now
        return 1 if not started else missing if slow else 0
