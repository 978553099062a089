"""What workers that have left had ended, kept for the housekeeper and the one after it, should Redis forget it."""

from __future__ import annotations

from collections import deque

from resqd.master.child import Child
from resqd.wire.messages import Farewell

KEPT_FOR = 60.0
"""Seconds. Redis forgets the last moment before a failover only."""
MOST = 10_000
MOST_CHARACTERS = 4 << 20
"""The same in number and in size."""


class Farewells:
    """Those of the last minute, each to be told once to each housekeeper."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Farewell]] = deque()
        self._size = 0
        self._untold = 0  # the last ones of those that are kept
        self._told_to = 0

    def add(self, farewell: Farewell, now: float) -> None:
        """Keep one."""
        self._kept.append((now, farewell))
        self._size += len(farewell.ended)
        self._untold += 1
        while self._kept and self._beyond(now):
            _, oldest = self._kept.popleft()
            self._size -= len(oldest.ended)
        self._untold = min(self._untold, len(self._kept))

    @property
    def kept(self) -> tuple[tuple[float, Farewell], ...]:
        """All of them, oldest first, with the moments at which they came."""
        return tuple(self._kept)

    def tell(self, housekeeper: Child) -> bool:
        """Tell the housekeeper what it has not been told; False where it does not take more now."""
        if housekeeper.fork != self._told_to:
            self._told_to, self._untold = housekeeper.fork, len(self._kept)
        while self._untold:
            _, farewell = self._kept[-self._untold]
            if not housekeeper.channel.send(farewell):
                return False
            self._untold -= 1
        return True

    def _beyond(self, now: float) -> bool:
        too_many = len(self._kept) > MOST or self._size > MOST_CHARACTERS
        return too_many or now - self._kept[0][0] > KEPT_FOR
