"""What this daemon's workers had ended when they left, as far as a failover may make Redis forget it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resqd.clock import Clock
from resqd.store.inflight.ended import Ended
from resqd.wire.messages import Farewell

KEPT_FOR = 60.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class LastWords:
    """Of one worker: the plain successes of its life, and the tokens of its last ones that had more to settle."""

    ended: Callable[[int], bool]
    dismissed: frozenset[int]


class Farewells:
    """The control thread takes them in, the keeper's thread looks them up; the master bounds how many there are."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[int, tuple[float, Farewell]] = {}

    def take(self, farewell: Farewell) -> None:
        """Keep one."""
        self._kept[farewell.fork] = (self._clock(), farewell)

    def of(self, fork: int) -> LastWords | None:
        """What this fork had ended."""
        at = self._kept.get(fork)
        if at is None:
            return None
        _, farewell = at
        return LastWords(Ended.of_text(farewell.ended).__contains__, frozenset(farewell.dismissed))

    def forget(self) -> None:
        """Forget the old ones, after a look at Redis: an outage may last longer than they are kept."""
        oldest = self._clock() - KEPT_FOR
        for fork, (at, _) in list(self._kept.items()):
            if at < oldest:
                del self._kept[fork]
