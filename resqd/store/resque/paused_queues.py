"""Pausing a queue for every worker of resqd's on any host, and of Ruby's that have the plugin resque-pause."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from resqd.store.names import to_bytes
from resqd.store.redis.client import store_errors
from resqd.store.resque.pauses import Note, PauseKeys, understood

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

    from resqd.store.keys import Keys


class PausedQueues:
    """Names are text. A queue need not exist to be paused."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = PauseKeys(keys.namespace)

    @store_errors
    def pause(self, queue: str, note: Note) -> bool:
        """Pause a queue; False where it was paused already, and its first note stays."""
        return bool(self._client.set(self._key(queue), note.to_json(), nx=True))

    @store_errors
    def resume(self, queue: str) -> Note | None:
        """End a pause; its note, or None where there was none."""
        raw = cast("bytes | None", self._client.getdel(self._key(queue)))
        return None if raw is None else Note.from_json(raw)

    @store_errors
    def notes(self, queues: Sequence[str]) -> dict[str, Note]:
        """The paused ones of these queues, each with its note."""
        prefix = self._key("")
        keys = [prefix + name for name in map(to_bytes, queues)]
        values = cast("list[bytes | None]", self._client.mget(keys) if keys else [])
        return {
            queue: Note.from_json(value)
            for queue, value in zip(queues, values, strict=True)
            if value is not None
        }

    @store_errors
    def by_key(self) -> str:
        """The key, without its namespace, that pauses all queues; '' where none does."""
        found = cast("list[bytes | None]", self._client.mget(self._keys.everything()))
        return understood(found, ()).by_key

    def _key(self, queue: str) -> bytes:
        return to_bytes(self._keys.queue(queue))
