"""Outboxes: jobs as rows of the application's own database, in the transaction of the data that they are about."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from resqd.store.later.later import MICRO, When
from resqd.store.relay.relay import Outcome, Row
from resqd.store.resque.encoding import new_id
from resqd.store.unique.locks import Claim, Terms

if TYPE_CHECKING:
    from resqd.application.outlet import Outlet
    from resqd.application.producer import Producer

TABLE: Final = "resqd_outbox"
"""What the table is called where nobody says otherwise."""
ROWS: Final = 500
"""Rows that are moved at a time, within one transaction."""
SHUN: Final = 5.0
"""Seconds for which the rows of a queue stay where they are whose key in Redis takes none."""

Hand = Callable[[Sequence[Row]], Sequence[bool]]
"""Takes rows, and tells of each whether it is done with, and may be deleted."""


class Outbox(Protocol):
    """A table with jobs. One thread uses it, which has called `begin`; its errors are those of its database."""

    name: str
    """What it is called, for the log."""

    def begin(self) -> None:
        """Let go of connections that came with a fork."""

    def move(self, hand: Hand, *, limit: int, without: Collection[str]) -> int:
        """Give away up to so many rows, the oldest first, but for those of some queues; how many there were.

        Those that are done with are deleted. Several may do so at a time, on any host.
        """


class Rows:
    """Takes what is enqueued and makes rows of it, in its order: to be put aside to (`aside.putting`)."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def outlet(self, _producer: Producer, *, keyed: bool = False) -> Outlet:
        """Itself: the table is the application's, whoever enqueues, and all its jobs go to the home shard."""
        del keyed
        return self

    def take(self, rows: list[Row]) -> None:
        """Some more."""
        self.rows += rows

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        """Take payloads for a queue, in order; how many."""
        rows = [Row(key=new_id(), queue=queue, raw=raw) for raw in raws]
        self.take(rows)
        return len(rows)

    def push_front(self, queue: str, raws: Sequence[bytes]) -> int:
        """Take them before all that wait there: each goes before the one that was put before it."""
        self.take([Row(key=new_id(), queue=queue, raw=raw, front=True) for raw in reversed(raws)])
        return len(raws)

    def put_later(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        """Take jobs, by id and payload, that are due at a moment."""
        due, pairs = _moment(when), list(jobs)
        self.take([Row(key=new_id(), queue=queue, raw=raw, due=due, ticket=one) for one, raw in pairs])
        return [job_id for job_id, _ in pairs]

    def put_unique(
        self,
        queue: str,
        claims: Sequence[Claim],
        terms: Terms,
        *,
        when: When | None = None,
        front: bool = False,
    ) -> list[str | None]:
        """Take unique jobs; whether they get their locks is known when they are moved, so none is raised."""
        if terms.on_conflict == "raise":
            terms = replace(terms, on_conflict="skip")
        due = None if when is None else _moment(when)
        self.take(
            [
                Row(
                    key=new_id(),
                    queue=queue,
                    raw=claim.raw,
                    due=due,
                    front=front,
                    ticket=claim.ticket,
                    fingerprint=claim.fingerprint,
                    terms=terms,
                )
                for claim in (reversed(claims) if front else claims)
            ]
        )
        return [None] * len(claims)

    def keeps_results(self) -> None:
        """Who moves the rows sees that in their payloads."""


def _moment(when: When) -> int:
    """In microseconds since 1970: a delay counts from now on, however long the row waits."""
    return when.micros + (round(time.time() * MICRO) if when.relative else 0)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn did: rows that there were, and how many of them are done with."""

    found: int
    moved: int


class Mover:
    """Moves the rows of one outbox to Redis. Owned by its thread."""

    def __init__(
        self, outbox: Outbox, put: Callable[[Sequence[Row]], Sequence[Outcome]], clock: Callable[[], float]
    ) -> None:
        self._outbox = outbox
        self._put = put
        self._clock = clock
        self._shunned: dict[str, float] = {}
        self.moved = 0
        """How many rows since it began."""

    def turn(self) -> Turn:
        """Move some. Errors: StoreError, those of the database: then the rows stay there."""
        now = self._clock()
        self._shunned = {queue: until for queue, until in self._shunned.items() if until > now}
        before = self.moved
        found = self._outbox.move(self._hand, limit=ROWS, without=self._shunned.keys())
        return Turn(found, self.moved - before)

    @property
    def shunned(self) -> Collection[str]:
        """The queues that take none at present."""
        return self._shunned.keys()

    def _hand(self, rows: Sequence[Row]) -> Sequence[bool]:
        done = [outcome is not Outcome.REFUSED for outcome in self._put(rows)]
        until = self._clock() + SHUN
        self._shunned |= {row.queue: until for row, gone in zip(rows, done, strict=True) if not gone}
        self.moved += sum(done)
        return done
