"""When the doorbell listens to Redis, and when it rings: the policy, without I/O."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

HOLDOFF = 0.001
"""Seconds of mean holdoff for each registered daemon: a fleet of any size costs about a thousand cycles a second."""
LINGER = 0.010
"""Seconds to go on listening while nobody is idle, since a short job's thread soon is again."""
PATIENCE = 0.010
"""Seconds after which a ring that nobody took is repeated: whom the kernel woke may wait for its GIL."""
COUNT_EVERY = 5.0
"""Seconds between two counts of the registered daemons; they also prove that the server would still ring.

It rings no more, and does not say so, once it has become a replica or given the slot away.
"""


class Act(Enum):
    """What to do next."""

    ARM = auto()
    DISARM = auto()
    RING = auto()
    COUNT = auto()


class Seen(NamedTuple):
    """What there is to judge: a named tuple, since a job waits for it to be made.

    `idle` counts fetchers, or is 1 for any number of them unless a repeat is due; `pending`: a ring that
    nobody took; `found` changes when a fetcher got jobs; `pushed`: a queue was written to; `vain`: a rung
    fetcher found nothing. `idle` must be read after the rest: a fetcher raises its flag before it tells so.
    """

    idle: int
    pending: bool
    found: int
    pushed: bool = False
    vain: bool = False


class ListeningPolicy:
    """The policy of one connection's life. Times are in the clock's seconds; `random` gives floats in [0, 1)."""

    def __init__(self, *, random: Callable[[], float], now: float, holdoff: float = HOLDOFF) -> None:
        self.armed = False
        self.daemons = 1
        self._random = random
        self._holdoff = holdoff
        self._off_until = now
        self._count_at = now
        self._idle_at = now
        self._found = 0
        self._excused = False
        self._missed = False
        self._repeat_at: float | None = None
        self._repeats = 0

    def step(self, now: float, seen: Seen) -> list[Act]:
        """What to do about what was seen, in order."""
        if self.armed and seen.vain and self._useless(seen):
            self._off_until = now + self._random() * 2 * self._holdoff * self.daemons
            return self._disarm()
        if not self.armed:
            return self._arm(now) if seen.idle and now >= self._off_until else []
        acts = self._listen(now, seen)
        return [*acts, *self._count(now)] if self.armed and now >= self._count_at else acts

    def repeat_due(self, now: float) -> bool:
        """Whether a step now may repeat a ring, and so must know how many fetchers are idle."""
        return self._repeat_at is not None and now >= self._repeat_at

    def next_at(self, *, idle: int) -> float | None:
        """When to step though nothing happens; None: not before something does."""
        if not self.armed:
            return self._off_until if idle else None
        return self._count_at if self._repeat_at is None else min(self._count_at, self._repeat_at)

    def _useless(self, seen: Seen) -> bool:
        """Whether a vain ring calls for a holdoff.

        Our own pop rings too, so one after a find does not, nor does the ring that follows the arming.
        """
        echo, excused = seen.found != self._found, self._excused
        self._found, self._excused = seen.found, False
        return not echo and not excused

    def _listen(self, now: float, seen: Seen) -> list[Act]:
        if seen.pushed and not seen.idle:
            if now - self._idle_at >= LINGER:
                return self._disarm()
            self._missed = True
        if not seen.idle:
            if self.repeat_due(now):  # there is nobody to be rung again until one idles, who then is
                self._repeat_at = None
                self._missed = self._missed or seen.pending
            return []
        self._idle_at = now
        if seen.pushed or self._missed:
            # A fetcher that looked before the push and waits since: its own flag came too late for that push.
            self._excused = self._excused or self._missed
            self._missed = False
            if not seen.pending:
                return self._ring(now)
            self._repeat_at = self._repeat_at or now + PATIENCE
        return self._repeat(now, seen)

    def _repeat(self, now: float, seen: Seen) -> list[Act]:
        if not self.repeat_due(now):
            return []
        self._repeat_at = None
        if not seen.pending or self._repeats >= seen.idle:
            return []
        return self._ring(now, repeats=self._repeats + 1)

    def _ring(self, now: float, repeats: int = 0) -> list[Act]:
        self._repeat_at = now + PATIENCE
        self._repeats = repeats
        return [Act.RING]

    def _arm(self, now: float) -> list[Act]:
        self.armed = True
        self._excused = True
        self._idle_at = now
        # What was pushed between the fetcher's last look and this moment has rung nobody.
        return [Act.ARM, *self._ring(now), *self._count(now)]

    def _count(self, now: float) -> list[Act]:
        if now < self._count_at:
            return []
        self._count_at = now + COUNT_EVERY
        return [Act.COUNT]

    def _disarm(self) -> list[Act]:
        self.armed = self._missed = False
        self._repeat_at = None
        return [Act.DISARM]
