"""Which shard gets the next plain job: round robin over those that are well. Pure; a lock, and a clock passed in."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from resqd.clock import Clock

SILENT: Final = 0.5
"""Seconds after which a shard whose answer is still awaited by somebody gets no job of others."""


class Spread:
    """How each shard fares, as one program sees it, and whose turn it is. Threads may share it."""

    def __init__(self, count: int, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._turn = 0
        self._down: set[int] = set()
        self._closed: frozenset[int] = frozenset()
        self._awaited: list[dict[int, float]] = [
            {} for _ in range(count)
        ]  # asks without an answer, and since when
        self._asks = 0

    @property
    def down(self) -> list[int]:
        """The shards that did not answer, until somebody hears of them again."""
        return sorted(self._down)

    @property
    def closed(self) -> frozenset[int]:
        """The shards that are to be emptied."""
        return self._closed

    def close(self, shards: frozenset[int]) -> None:
        """Let these get no plain jobs, since they are to be emptied; all others get some again."""
        self._closed = shards

    def order(self) -> list[int]:
        """The shards to try, the one whose turn it is first.

        Where all are down, or silent, or closed, this is said of none in vain: each is tried.
        """
        with self._lock:
            self._turn += 1
            late = self._clock() - SILENT
            every = range(len(self._awaited))
            open_ = [shard for shard in every if shard not in self._closed] or [*every]
            well = [
                shard
                for shard in open_
                if shard not in self._down and not any(at <= late for at in self._awaited[shard].values())
            ] or open_
            # The turn counts those alone: else the next one would get the share of one that is away.
            first = self._turn % len(well)
        return well[first:] + well[:first]

    def ask(self, shard: int) -> int:
        """Somebody asks this shard now; a number for `answered`."""
        with self._lock:
            self._asks += 1
            self._awaited[shard][self._asks] = self._clock()
            return self._asks

    def answered(self, shard: int, ask: int) -> None:
        """It has, one way or the other."""
        with self._lock:
            self._awaited[shard].pop(ask, None)

    def failed(self, shard: int) -> bool:
        """It is down; whether that is news."""
        with self._lock:
            news = shard not in self._down
            self._down.add(shard)
        return news

    def recovered(self, shard: int) -> None:
        """It answers again."""
        with self._lock:
            self._down.discard(shard)

    def forked(self) -> None:
        """In a child of the program: the threads that asked are not there, nor is anybody who held the lock."""
        self._lock = threading.Lock()
        for asks in self._awaited:
            asks.clear()
