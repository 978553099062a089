"""Resque's counters: stat:processed, stat:failed, and those of single workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from resqd.store.guard import store_errors

if TYPE_CHECKING:
    from redis import Redis

    from resqd.store.keys import Keys


class Stats:
    """Read and clear counters; the scripts that acknowledge jobs add to them."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @property
    def processed(self) -> int:
        """Jobs that ended, failed ones included, since the counter was cleared."""
        return self.get("processed")

    @property
    def failed(self) -> int:
        """Jobs that failed since the counter was cleared."""
        return self.get("failed")

    @store_errors
    def get(self, name: str) -> int:
        """One counter; 0 where it does not exist."""
        return int(cast("bytes | None", self._client.get(self._keys.stat(name))) or 0)

    @store_errors
    def clear(self, name: str) -> None:
        """Set one counter back to nothing."""
        self._client.delete(self._keys.stat(name))
