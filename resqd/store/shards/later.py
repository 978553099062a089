"""The jobs of all shards that are to run later as one: each has a place of its own, where a retry stays."""

from __future__ import annotations

from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from resqd.store.later.later import Later, Promoted, Waiting, When

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from resqd.store.shards.reach import Reach

T = TypeVar("T")


class AllLater(Later):
    """Tickets are of one shard each; two shards may have given out the same, and then both are meant."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def promote(self) -> Promoted:
        """Housekeepers do it, on each shard."""
        raise NotImplementedError  # nobody promotes on all shards at once

    def first(self) -> float | None:
        """When the first is due."""
        return min((due for due in self._read(Later.first) if due is not None), default=None)

    def count(self) -> int:
        """How many there are."""
        return sum(self._read(Later.count))

    def cancel(self, tickets: Sequence[str]) -> int:
        """Take jobs away; how many were there."""
        return sum(self._act(lambda later: later.cancel(tickets)))

    def run_now(self, tickets: Sequence[str]) -> int:
        """Move jobs to the fronts of their queues; how many went."""
        return sum(self._act(lambda later: later.run_now(tickets)))

    def move(self, tickets: Sequence[str], when: When) -> int:
        """Let jobs be due at another moment; how many were there."""
        return sum(self._act(lambda later: later.move(tickets, when)))

    def get(self, ticket: str) -> Waiting | None:
        """One job."""
        return next((job for job in self._read(lambda later: later.get(ticket)) if job is not None), None)

    def attempts(self, job_id: str) -> list[dict[str, Any]]:
        """What is kept of the last tries of a job."""
        return next((tries for tries in self._read(lambda later: later.attempts(job_id)) if tries), [])

    def page(self, start: int, count: int) -> list[Waiting]:
        """Up to `count` jobs from position `start` on, the first due first."""
        parts = self._read(lambda later: later.page(0, start + count))
        return list(islice(merge(*parts, key=_due), start, start + count))

    def all(self) -> Iterator[Waiting]:
        """Each job, the first due first; as it is when it is asked."""
        return merge(*self._read(lambda later: list(later.all())), key=_due)

    def _read(self, ask: Callable[[Later], T]) -> list[T]:
        return self._reach.read(lambda store: store.on_later(ask))

    def _act(self, do: Callable[[Later], T]) -> list[T]:
        return self._reach.act(lambda store: store.on_later(do))


def _due(job: Waiting) -> float:
    return job.due
