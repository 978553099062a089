"""Looks now and then at what shards say of themselves, for programs that put jobs there."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from resqd import events
from resqd.clock import Complaints
from resqd.errors import NotSent, StoreError, StoreRefused, StoreUnavailable
from resqd.store.shards.identity import Identity, look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.clock import Clock
    from resqd.sharding import Shard
    from resqd.store.resque.store import Store
    from resqd.store.shards.spread import Spread

EVERY: Final = 5.0
"""Seconds between two looks at one shard."""


class ShardClosed(NotSent):
    """People have closed this shard to plain jobs."""


class Marks:
    """Whether shards are closed, and whose they are. Threads may share it; who comes first looks for all."""

    def __init__(
        self, shards: Sequence[Shard], stores: Sequence[Store], spread: Spread, *, clock: Clock
    ) -> None:
        self._shards = shards
        self._stores = stores
        self._spread = spread
        self._clock = clock
        self._complaints = Complaints(clock)
        self._known: dict[int, Identity] = {}
        self._looked: dict[int, float] = {}

    def check(self, shard: int) -> None:
        """Before a push. Errors: NotSent where it is closed, or does not say; StoreRefused where it is another's."""
        if not self._due(shard):
            return
        try:
            self._look(shard)
        except StoreUnavailable as error:
            self._looked.pop(shard, None)
            raise NotSent(str(error)) from error
        known, home = self._known[shard], self._known.get(0, Identity()).home
        if known.strange(home):
            raise StoreRefused(
                f"{self._shards[shard].shown} is a shard of another home: give the same REDIS_SHARDS everywhere, "
                "the home shard first"
            )
        if known.closed and shard:
            raise ShardClosed(f"{self._shards[shard].shown} is closed ({known.closed})")

    def remember(self) -> None:
        """See whether shards that were closed are so still."""
        for shard in [shard for shard, known in self._known.items() if known.closed and self._due(shard)]:
            with suppress(StoreError):  # one that is away gets no jobs either
                self._look(shard)

    def _due(self, shard: int) -> bool:
        now = self._clock()
        if now - self._looked.get(shard, float("-inf")) < EVERY:
            return False
        self._looked[shard] = now
        return True

    def _look(self, shard: int) -> None:
        store = self._stores[shard]
        self._known[shard] = known = store.on_link(look)
        # The home shard is never closed: somebody has to take what cannot be elsewhere.
        self._spread.close(frozenset(n for n, each in self._known.items() if each.closed and n))
        served = any(each.daemons for each in self._known.values())
        if served and not known.daemons and self._complaints.due(self._shards[shard].shown):
            events.App.shard_unserved(shard=self._shards[shard].shown)
