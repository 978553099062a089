"""Releases locks of unique jobs that are nowhere any more, a little at a time beside the keeper's other duties."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from resqd import events
from resqd.clock import Clock
from resqd.store.unique.sweep import Sweep

EVERY: Final = 3600
"""Seconds between two sweeps, of which one daemon of all makes each."""
LOOK_EVERY: Final = 600.0
"""Seconds between two looks whether one is due."""
AGE: Final = 600.0
"""Seconds for which a lock is left alone."""
APART: Final = 60.0
"""Seconds between the two scans of a sweep: a job that was missed as it moved is found by the other."""
PAUSE: Final = 0.5
"""Seconds between two turns of a scan, and how long one takes: the heartbeat waits meanwhile."""
TURN: Final = 0.02


class LockSweep:
    """Owned by the keeper's thread; `turn` may raise a StoreError, after which it begins anew."""

    def __init__(self, *, sweep: Sweep, owner: str, clock: Clock) -> None:
        self._sweep = sweep
        self._owner = owner
        self._clock = clock
        self._steps: Iterator[float] | None = None
        self._pause = LOOK_EVERY

    def wait(self) -> float:
        """Seconds until the next turn."""
        return self._pause

    def turn(self) -> None:
        """Go on for a moment, if there is something to do."""
        steps, self._steps = self._steps, None  # lost with an error
        steps = steps or self._run()
        until = self._clock() + TURN
        for pause in steps:
            if pause or self._clock() >= until:
                self._steps, self._pause = steps, pause or PAUSE
                return
        self._pause = LOOK_EVERY

    def _run(self) -> Iterator[float]:
        """A whole sweep; yields for how many seconds it may rest."""
        if not self._sweep.claim(self._owner, EVERY):
            return
        absent = self._sweep.old(AGE)
        for rest in (APART, 0.0):
            if not absent:
                return
            for _ in self._sweep.scan(absent):
                yield 0.0
            yield rest
        if (released := self._sweep.release(absent)) > 0:
            events.Housekeeper.locks_released(count=released)
