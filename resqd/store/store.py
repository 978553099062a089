"""Everything that an application asks of Redis."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from resqd.store.config import ConnectionConfig
from resqd.store.keys import Keys
from resqd.store.links import Links
from resqd.store.pusher import Pusher

if TYPE_CHECKING:
    from collections.abc import Iterable

    from resqd.store.books import Books


class Store:
    """The queues of one namespace, and the books. Threads may share it; a fork gives the child its own connections."""

    def __init__(self, config: ConnectionConfig, keys: Keys) -> None:
        self._config = config
        self._keys = keys
        self._links = Links(config)
        self._pusher = Pusher(self._links, keys)

    @classmethod
    def of(cls, *, url: str, namespace: str) -> Store:
        """The store at a URL; no socket is opened yet. Errors: ValueError, as from ConnectionConfig."""
        return cls(ConnectionConfig.from_url(url), Keys(namespace))

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        """Append payloads in order and enter the queue's name; how many were pushed. Errors: StoreError."""
        return self._pusher.push(queue, raws)

    @cached_property
    def books(self) -> Books:
        """What is looked up and put right now and then, opened at the first use: most processes only push."""
        # redis-py takes 15 MB and 0.2 s to import, which each fork of a worker would carry.
        from resqd.store.books import Books  # noqa: PLC0415 - see above

        return Books(self._config, self._keys)

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._links.close()
        if "books" in vars(self):
            self.books.close()
