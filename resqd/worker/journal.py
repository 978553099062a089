"""What long jobs say of themselves: their cursors on the way to Redis, and their progress for whoever looks."""

from __future__ import annotations

from collections.abc import Callable, Collection

from resqd.clock import Clock, monotonic
from resqd.cursors import Progress
from resqd.threads import Wake

KEEP_EVERY = 0.02
"""Seconds between two exchanges for the sake of cursors alone: a job may write one a row."""


class Journal:
    """Jobs write, by their tokens; the fetcher takes cursors, and forgets jobs that have ended; reports look.

    Made in the master, begun in the child. Each step is one call in C, and a job is known until its end is collected.
    """

    def __init__(self, clock: Clock = monotonic) -> None:
        self._clock = clock
        self._cursors: dict[int, bytes] = {}
        self._fresh: dict[int, bytes] = {}
        self._progress: dict[int, Progress] = {}
        self._taken_at = float("-inf")
        self._wake: Wake | None = None
        self._holding: Callable[[], bool] = lambda: False

    def begin(self, *, wake: Wake, holding: Callable[[], bool]) -> None:
        """`holding`: whether nothing more is to begin here, and what can should go on elsewhere."""
        self._wake, self._holding = wake, holding

    # --- by jobs

    @property
    def leaving(self) -> bool:
        """Whether jobs that can should go on elsewhere."""
        return self._holding()

    def keep(self, token: int, cursor: bytes) -> None:
        """Take a cursor; the fetcher is woken where it sleeps."""
        self._cursors[token] = self._fresh[token] = cursor
        if self._wake is not None and self._wake.armed:
            self._wake.ring()

    def cursor(self, token: int) -> bytes:
        """The last one of this run; empty where there is none."""
        return self._cursors.get(token, b"")

    def tell(self, token: int, progress: Progress) -> None:
        """Take what people are to see."""
        self._progress[token] = progress

    def progress(self, token: int) -> Progress | None:
        """What a job has told last."""
        return self._progress.get(token)

    # --- by the fetcher

    @property
    def next_at(self) -> float:
        """When `take` has something."""
        return self._taken_at + KEEP_EVERY if self._fresh else float("inf")

    def take(self, *, ended: bool) -> dict[int, bytes]:
        """The new cursors, if it is time: at once where jobs have `ended`, since these may go elsewhere with theirs."""
        if not self._fresh or not (ended or self._clock() >= self.next_at):
            return {}
        self._taken_at = self._clock()
        return {token: self._fresh.pop(token) for token in list(self._fresh)}  # jobs go on writing meanwhile

    def forget(self, tokens: Collection[int]) -> None:
        """Forget jobs that have ended here."""
        for known in (self._cursors, self._progress):
            if known:
                for token in tokens:
                    known.pop(token, None)
