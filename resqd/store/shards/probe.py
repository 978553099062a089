"""Asks shards that did not answer whether they do again, on a thread that lives as long as one of them is down."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Final

from resqd.errors import StoreError
from resqd.store.redis.link import Link
from resqd.threads import NamedThread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.store.redis.url import ConnectionConfig
    from resqd.store.shards.spread import Spread

EVERY: Final = 1.0
"""Seconds between two questions to a shard that is down."""


class Prober:
    """Whoever enqueues never waits for a shard that is known to be down. In a forked child it begins anew."""

    def __init__(self, configs: Sequence[ConnectionConfig], spread: Spread) -> None:
        self._configs = configs
        self._spread = spread
        self._lock = threading.Lock()
        self._asked: set[int] = set()
        self._pid = os.getpid()

    def watch(self, shard: int) -> None:
        """Ask this one until it answers."""
        if self._pid != os.getpid():
            self._lock, self._asked, self._pid = threading.Lock(), set(), os.getpid()
        with self._lock:
            if shard in self._asked:
                return
            self._asked.add(shard)
        # A thread for each, since one that is silent keeps its thread for seconds.
        NamedThread(name="shard", target=lambda: self._probe(shard)).start()

    def _probe(self, shard: int) -> None:
        link = Link(self._configs[shard])
        while True:
            try:
                link.call("PING")
            except StoreError:
                link.close()
                time.sleep(EVERY)
            else:
                break
        link.close()
        with self._lock:
            self._asked.discard(shard)
        self._spread.recovered(shard)
