"""Lean connections for callers on any thread: what one enqueue costs is mostly what its client costs."""

from __future__ import annotations

import os

from resqd.store.config import ConnectionConfig
from resqd.store.link import Link, Reply

KEPT = 16
"""Free links that are kept: a burst of callers at once leaves no more sockets behind."""


class Links:
    """Lends a free link to each call, and opens one more where none is free. A fork gives the child its own."""

    def __init__(self, config: ConnectionConfig) -> None:
        self._config = config
        self._free: list[Link] = []
        self._pid = os.getpid()

    def transact(self, packed: bytes, count: int) -> list[Reply]:
        """As Link.transact. Errors: StoreError; then the commands may have run, and are not repeated."""
        link = self._take()
        replies = link.transact(packed, count)
        if len(self._free) < KEPT:
            self._free.append(link)  # not after an error: that link is dropped with its unread replies
        else:
            link.close()
        return replies

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
            return Link(self._config, admit=False)
        if link.stale():
            link.close()
        return link
