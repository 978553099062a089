"""The store of a program that has several shards: plain jobs go to one after the other, all else to the home shard."""

from __future__ import annotations

import os
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from resqd.clock import monotonic
from resqd.errors import NotSent, PayloadError, StoreError, StoreUnavailable
from resqd.sharding import shards_of
from resqd.store.debts import owed_by
from resqd.store.resque.store import PUSH_CHUNK, Store
from resqd.store.shards.later import AllLater
from resqd.store.shards.marks import Marks, ShardClosed
from resqd.store.shards.probe import Prober
from resqd.store.shards.reach import Reach
from resqd.store.shards.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from resqd.sharding import Shard
    from resqd.store.later.later import Later, When
    from resqd.store.resque.books import Books

T = TypeVar("T")


def open_store(urls: Sequence[str], *, namespace: str, hint: str = "") -> Store:
    """The store at one URL, or at the shards of several. No socket is opened yet. Errors: ValueError."""
    shards = shards_of(urls, namespace)
    if len(shards) == 1:
        return Store.of(url=urls[0], namespace=namespace, hint=hint)
    return ShardedStore(shards, hint=hint)


class ShardedStore(Store):
    """The home shard's store, which also spreads plain jobs over all shards. Threads may share it, and a fork's sides.

    A push goes elsewhere only where the first shard has carried out nothing for sure: it could not be reached, or
    said so. Where an answer was lost the job may be there, so the error is raised.
    """

    def __init__(self, shards: Sequence[Shard], *, hint: str = "") -> None:
        stores = [Store.of(url=each.url, namespace=each.namespace, hint=hint) for each in shards]
        super().__init__(stores[0].config, stores[0].keys)
        self.shards = tuple(shards)
        self._every = tuple(stores)
        self._spread = Spread(len(stores), clock=monotonic)
        self._prober = Prober([each.config for each in stores], self._spread)
        self._marks = Marks(shards, stores, self._spread, clock=monotonic)
        self._reach = Reach(shards, stores, spread=self._spread, prober=self._prober)
        self._pid = os.getpid()

    @property
    def every(self) -> tuple[Store, ...]:
        """The stores of all shards, home first."""
        return self._every

    @property
    def home(self) -> Store:
        """The home shard's, for jobs with a key that their payloads do not tell."""
        return self._every[0]

    @property
    def spread(self) -> Spread:
        """How the shards fare, and which get no plain jobs."""
        return self._spread

    @cached_property
    def books(self) -> Books:
        """Those of all shards as one."""
        from resqd.store.shards.books import AllBooks  # noqa: PLC0415 - brings redis-py: see Store.books

        return AllBooks(self._reach)

    def on_later(self, use: Callable[[Later], T]) -> T:
        """What `use` returns, which looks at the jobs of all shards that are to run later, or changes them."""
        return use(AllLater(self._reach))

    def survey(self) -> None:
        """See which shards answer."""
        self._reach.survey()

    @property
    def left_out(self) -> list[str]:
        """Where the shards are that did not answer, and of which nothing is shown."""
        return self._reach.left_out

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        """Append payloads, plain ones to one shard after the other; how many were pushed. Errors as for Store.push."""
        pushed, source = 0, iter(raws)
        while chunk := list(islice(source, PUSH_CHUNK)):
            keyed = [raw for raw in chunk if _keyed(raw)]
            if keyed:
                pushed += self.home.push(queue, keyed)
            plain = [raw for raw in chunk if not _keyed(raw)] if keyed else chunk
            for part in _parts(plain, len(self._every)):
                pushed += self._spread_out(partial(_push, queue=queue, raws=part))
        return pushed

    def push_front(self, queue: str, raws: Sequence[bytes]) -> int:
        """Put payloads before all that wait on a shard, all on one: the first of them will be the first there."""
        if any(map(_keyed, raws)):
            return super().push_front(queue, raws)
        return self._spread_out(lambda store: store.push_front(queue, raws))

    def put_later(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        """Put jobs that are due at a moment, all on one shard; their tickets. Errors: StoreError."""
        rows = list(jobs)
        if any(_keyed(raw) for _, raw in rows):
            return super().put_later(queue, rows, when)
        return self._spread_out(lambda store: store.put_later(queue, rows, when))

    def close(self) -> None:
        """Close the connections to all shards."""
        super().close()
        for each in self._every:
            each.close()

    def _spread_out(self, put: Callable[[Store], T]) -> T:
        """What `put` returns on the shard whose turn it is, or the next one that can be reached."""
        if self._pid != os.getpid():
            self._spread.forked()
            self._pid = os.getpid()
        if self._spread.closed:
            self._marks.remember()
        order = self._spread.order()
        for shard in order[:-1]:
            try:
                return self._put(shard, put)
            except NotSent:
                continue
        return self._put(order[-1], put)

    def _put(self, shard: int, put: Callable[[Store], T]) -> T:
        ask = self._spread.ask(shard)
        try:
            self._marks.check(shard)
            return put(self._every[shard])
        except PayloadError:
            raise
        except StoreError as error:
            away = isinstance(error, StoreUnavailable) and not isinstance(error, ShardClosed)
            if away and self._spread.failed(shard):
                self._prober.watch(shard)
            raise
        finally:
            self._spread.answered(shard, ask)


def _keyed(raw: bytes) -> bool:
    """Whether a job owes something at its end, which has to be settled on the home shard: a lock, a batch, a result."""
    return bool(owed_by(raw))


def _push(store: Store, *, queue: str, raws: list[bytes]) -> int:
    return store.push(queue, raws)


def _parts(rows: list[bytes], count: int) -> list[list[bytes]]:
    """The rows in as many parts as there are shards, in order; fewer where there are fewer rows."""
    if len(rows) <= 1:
        return [rows] if rows else []
    size = -(-len(rows) // count)
    return [rows[at : at + size] for at in range(0, len(rows), size)]
