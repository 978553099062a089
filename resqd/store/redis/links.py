"""Links for the threads of one program: each call has one to itself."""

from __future__ import annotations

import os
from collections.abc import Callable

from resqd.store.redis.connection import Reply
from resqd.store.redis.discovery import finder
from resqd.store.redis.link import Link, T
from resqd.store.redis.protocol import ScriptCall
from resqd.store.redis.url import ConnectionConfig

KEPT = 16
"""Free links that are kept: a burst of callers at once leaves no more sockets behind."""


class Links:
    """Lends a free link to each call, and opens one more where none is free. A fork gives the child its own."""

    def __init__(self, config: ConnectionConfig) -> None:
        self._config = config
        self._finder = finder(config)
        self._free: list[Link] = []
        self._pid = os.getpid()

    def transact(self, packed: bytes, count: int) -> list[Reply]:
        """As Link.transact. Errors: StoreError; then the commands may have run, and are not repeated."""
        link = self._take()
        replies = link.transact(packed, count)
        self._put_back(link)  # not after an error: that link is dropped with its unread replies
        return replies

    def run_one(self, call: ScriptCall) -> Reply:
        """As Link.run_one."""
        link = self._take()
        reply = link.run_one(call)
        self._put_back(link)
        return reply

    def lend(self, use: Callable[[Link], T]) -> T:
        """What `use` returns with a link that is its own meanwhile. Errors: those of `use`."""
        link = self._take()
        result = use(link)
        self._put_back(link)
        return result

    def _put_back(self, link: Link) -> None:
        if len(self._free) < KEPT:
            self._free.append(link)
        else:
            link.close()

    def close(self) -> None:
        """Drop the free links; the next use opens new ones."""
        while self._free:
            self._free.pop().close()

    def _take(self) -> Link:
        if self._pid != os.getpid():
            self._free, self._pid = [], os.getpid()
        try:
            link = self._free.pop()
        except IndexError:
            return Link(self._config, admit=False, found_by=self._finder)
        if link.stale():
            link.close()
        return link
