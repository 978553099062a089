"""How many job threads to start: pure policy over counts and a passed-in time."""

from __future__ import annotations

from dataclasses import dataclass

QUICK = 10_000.0
"""Jobs a second at which one thread is enough until shown otherwise: the GIL lets no other one add to it."""
LOOK_EVERY = 0.001
"""The least seconds over which the threads' work is judged, and after which it is looked at again."""


PATIENCE = 3
"""How many looks in a row must find jobs slow: one alone may have seen this process wait for a processor."""


@dataclass(slots=True)
class Staffing:
    """A thread costs 0.2 ms to start and end: much, in a life of a hundred short jobs, for those that find no work."""

    short: bool = False
    """Whether there are more jobs and slots than threads: look again after LOOK_EVERY."""
    _ended: int = 0
    _looked_at: float = 0.0
    _slow_looks: int = 0

    def missing(
        self, *, started: int, slots: int, unfinished: int, ended: int, pace: float, now: float
    ) -> int:
        """How many more threads to start: one for each job and slot where the pace is known to be slow.

        Else one begins, and when jobs have not ended quickly for a while, each look doubles them. `ended` counts
        all jobs that have ended so far, `pace` is in jobs a second, 0 where it is not known.
        """
        missing = min(slots, unfinished) - started
        hired = self._hired(missing, started, ended, pace, now) if missing > 0 else 0
        self.short = hired < missing
        return hired

    def _hired(self, missing: int, started: int, ended: int, pace: float, now: float) -> int:
        if 0 < pace < QUICK:
            return missing
        elapsed = now - self._looked_at
        if started and elapsed < LOOK_EVERY:
            return 0
        slow = started and ended - self._ended < QUICK * elapsed
        self._slow_looks = self._slow_looks + 1 if slow else 0
        self._ended, self._looked_at = ended, now
        if not started:
            return 1
        return min(missing, started) if self._slow_looks >= PATIENCE else 0
