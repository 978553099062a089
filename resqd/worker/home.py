"""What a worker looks up on the home shard, whatever shard its jobs are on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.resque.knowers import Knower, Knowers
from resqd.store.resque.pauses import Paused, PauseKeys, look

T = TypeVar("T")


class Home:
    """`link` is the worker's own where its jobs are on the home shard; else `connect` opens one for each look."""

    def __init__(self, *, namespace: str, connect: Callable[[], Link], link: Link | None) -> None:
        self._namespace = namespace
        self.connect = connect
        """Opens a link to the home shard."""
        self._link = link

    @property
    def here(self) -> bool:
        """Whether the worker's own jobs are there."""
        return self._link is not None

    @property
    def keys(self) -> Keys:
        """The names there."""
        return Keys(self._namespace)

    def pauses(self, queues: Sequence[str]) -> Paused:
        """Which queues are paused. Errors: StoreError."""
        keys = PauseKeys(self._namespace)
        if self._link is not None:
            return look(self._link.call, keys, queues)
        return self._ask(lambda link: look(link.call, keys, queues))

    def knowers(self) -> list[Knower]:
        """Who knows which jobs, over a connection of its own: the fetcher's is the fetcher's alone."""
        return self._ask(lambda link: Knowers(link, self.keys).look())

    def _ask(self, question: Callable[[Link], T]) -> T:
        link = self.connect()
        try:
            return question(link)
        finally:
            link.close()
