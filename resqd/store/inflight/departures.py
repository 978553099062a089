"""Jobs that one incarnation has sent to the home shard, and forgets here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from resqd.store.inflight.outbox import Reservation

if TYPE_CHECKING:
    from resqd.store.inflight.calls import Calls
    from resqd.store.redis.link import Link

Homeward = Callable[[list[Reservation]], list[int]]
"""Sends those jobs of a batch to the home shard that belong there; their tokens."""


class Departures:
    """Without `homeward` there are none."""

    def __init__(self, *, link: Link, calls: Calls, homeward: Homeward | None) -> None:
        self._link = link
        self._calls = calls
        self._homeward = homeward
        self._gone: set[int] = set()

    def send(self, batch: list[Reservation]) -> list[Reservation]:
        """The batch without what went home. When it raises, the same batch, or what is left of it, comes again."""
        gone = self._homeward(batch) if self._homeward is not None and batch else []
        if not gone:
            return batch
        self._gone.update(gone)
        self.drop(gone)
        return [job for job in batch if job[0] not in self._gone]

    def drop(self, tokens: Iterable[int]) -> set[int]:
        """Forget those of the jobs that went home, which Redis may have lost; which they are. Errors: StoreError."""
        if gone := self._gone.intersection(tokens):
            self._link.run_script(self._calls.drop(gone))
        return gone
