"""Resque's queues: lists of payloads, and the set of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from redis.exceptions import ResponseError

from resqd.store.guard import store_errors
from resqd.store.keys import Keys, to_bytes, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redis import Redis
    from redis.exceptions import RedisError

_SCAN_CHUNK: Final = 1_000


class Queues:
    """Pop from and look into queues. Names are text; payloads are bytes, kept exactly."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @store_errors
    def push_front(self, queue: str, raw: bytes) -> None:
        """Put a payload back where `pop` took it."""
        self._client.lpush(self._list(queue), raw)

    @store_errors
    def pop(self, queue: str) -> bytes | None:
        """Take the oldest payload off, or None where the queue is empty."""
        return cast("bytes | None", self._client.lpop(self._list(queue)))

    @store_errors
    def size(self, queue: str) -> int:
        """How many jobs wait."""
        return self._client.llen(self._list(queue))

    @store_errors
    def sizes(self) -> dict[str, int]:
        """How many jobs wait, by queue; 0 for one whose key is not a list."""
        names = self.names()
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.llen(self._list(name))
            return dict(zip(names, map(_length, pipe.execute(raise_on_error=False)), strict=True))

    @store_errors
    def peek(self, queue: str, start: int = 0, count: int = 1) -> list[bytes]:
        """Up to `count` payloads from position `start` on, oldest first, left where they are."""
        if count < 1:
            return []
        end = start + count - 1
        return cast("list[bytes]", self._client.lrange(self._list(queue), start, end))

    @store_errors
    def names(self) -> list[str]:
        """The names in the set of queues, sorted; bytes that are not UTF-8 come as surrogate escapes."""
        members = cast("set[bytes]", self._client.smembers(self._keys.queues))
        return sorted(to_text(member) for member in members)

    @store_errors
    def remove(self, queue: str) -> int:
        """Delete a queue with all its jobs; how many there were."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.llen(self._list(queue))
            pipe.srem(self._keys.queues, to_bytes(queue))
            pipe.unlink(self._list(queue))
            return cast("int", pipe.execute()[0])

    @store_errors
    def delete(self, queue: str, matches: Callable[[bytes], bool]) -> int:
        """Delete the jobs whose payload matches; how many went. Reads the whole queue, in chunks."""
        key = self._list(queue)
        chosen = dict.fromkeys(raw for raw in self._backwards(key) if matches(raw))
        deleted = 0
        for raw in chosen:
            deleted += self._client.lrem(key, 0, cast("str", raw))
        return deleted

    def _list(self, queue: str) -> bytes:
        return to_bytes(self._keys.queue(queue))

    def _backwards(self, key: bytes) -> Iterator[bytes]:
        # From the tail, since workers pop at the head meanwhile: positions counted from there would skip jobs.
        end = -1
        while chunk := cast("list[bytes]", self._client.lrange(key, end - _SCAN_CHUNK + 1, end)):
            yield from chunk
            end -= _SCAN_CHUNK


def _length(reply: object) -> int:
    if isinstance(reply, int):
        return reply
    if isinstance(reply, ResponseError) and "WRONGTYPE" in str(reply):
        return 0
    raise cast("RedisError", reply)
