"""Where a producer's jobs go: what it needs of a store, or of what stands in a store's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from resqd.store.later.later import When
from resqd.store.unique.locks import Claim, Terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Outlet(Protocol):
    """Where enqueued payloads go: the store's queues, or a stand-in of `resqd.testing`."""

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        """Take payloads for a queue, in order; how many."""

    def push_front(self, queue: str, raws: Sequence[bytes]) -> int:
        """Take them before all that wait there."""

    def put_later(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        """Take jobs, by id and payload, that are due at a moment; their tickets."""

    def put_unique(
        self,
        queue: str,
        claims: Sequence[Claim],
        terms: Terms,
        *,
        when: When | None = None,
        front: bool = False,
    ) -> list[str | None]:
        """Take jobs that get their locks; for each None, or the ticket of the one that stands in the way."""

    def keeps_results(self) -> None:
        """Note that there are jobs whose ends are kept."""


class Stock(Outlet, Protocol):
    """The store."""

    @property
    def home(self) -> Outlet:
        """Where jobs go that have a key which their payloads do not tell: to the home shard alone."""
