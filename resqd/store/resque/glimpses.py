"""Looks for people: into lists of any length and items of any size, at a cost that is bounded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from resqd.store.debts import PAYING, arguments_of, keys_of, owed_by
from resqd.store.names import to_bytes, to_text
from resqd.store.redis.client import store_errors
from resqd.store.redis.protocol import Argument, Script
from resqd.store.resque import payload as payloads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

    from resqd.store.keys import Keys

_LENGTHS: Final = Script.load("resque/lengths")
_GLIMPSE: Final = Script.load("resque/glimpse")
_DROP: Final = Script.load("resque/drop", *PAYING)

MOST_OF_ONE: Final = 128 * 1024
"""Bytes up to which one item is shown."""
_MOST_OF_ALL: Final = 4 * 1024 * 1024
_MOST_OF_FIRST: Final = 4 * 1024
_HEADS: Final = 1_000
"""Queues of which the oldest job is looked at, the longest ones first; also how many keys one call names."""
_REACH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Glimpse:
    """One item of a list: where it stood, how many bytes it has, and the bytes; none where they are too many."""

    index: int
    size: int
    raw: bytes

    @property
    def whole(self) -> bool:
        """Whether the bytes are all there."""
        return len(self.raw) == self.size

    @property
    def digest(self) -> str:
        """The SHA-1 that tells the item from what stands in its place later."""
        return digest_of(self.raw)


def digest_of(raw: bytes) -> str:
    """The SHA-1 of an item, as the scripts compare it."""
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()


class QueueLength(NamedTuple):
    """One queue: jobs that wait (None: its key is no list), and the oldest one's `enqueued_at` where it is known."""

    name: str
    size: int | None
    oldest: float | None


class Glimpses:
    """Reads queues and failed lists for pages, and deletes one job of a queue."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._lengths = client.register_script(_LENGTHS.source)
        self._glimpse = client.register_script(_GLIMPSE.source)
        self._drop = client.register_script(_DROP.source)

    @store_errors
    def queues(self) -> list[QueueLength]:
        """Every queue by name. Of more than a thousand only the longest thousand say how old they are."""
        members = cast("set[bytes]", self._client.smembers(self._keys.queues))
        names = sorted(members)
        sizes = self._sizes(names)
        waiting = sorted((name for name in names if sizes[name] > 0), key=lambda name: -sizes[name])
        oldest = self._oldest(waiting[:_HEADS])
        return [
            QueueLength(to_text(name), None if sizes[name] < 0 else sizes[name], oldest.get(name))
            for name in names
        ]

    @store_errors
    def look(
        self, key: str, start: int, count: int, *, most: int = MOST_OF_ONE, total: int = _MOST_OF_ALL
    ) -> list[Glimpse]:
        """Up to `count` items of a list from position `start` on; fewer where they have more than `total` bytes."""
        if count < 1:
            return []
        flat = cast(
            "list[int | bytes]", self._glimpse(keys=[to_bytes(key)], args=[start, count, most, total])
        )
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return [
            Glimpse(index, cast("int", size), cast("bytes", raw))
            for index, (size, raw) in enumerate(pairs, start)
        ]

    def queue(self, name: str, start: int, count: int) -> list[Glimpse]:
        """Jobs of a queue, oldest first."""
        return self.look(self._keys.queue(name), start, count)

    @store_errors
    def lengths(self, keys: Sequence[str]) -> list[int]:
        """How long each of these lists is; 0 for what is none."""
        found = cast("list[int]", self._lengths(keys=[to_bytes(key) for key in keys], args=[0]))
        return [max(0, length) for length in found]

    @store_errors
    def drop(self, queue: str, at: int, digest: str) -> bool:
        """Delete the job that stood at that position; False where it has begun, or gone otherwise."""
        keys = [self._keys.queue(queue)]
        args: list[Argument] = [at, digest, _REACH]
        found = self._drop(keys=list(map(to_bytes, keys)), args=args)
        if isinstance(found, bytes):
            debts = owed_by(found)
            keys += keys_of(debts, self._keys)
            found = self._drop(keys=list(map(to_bytes, keys)), args=[*args, *arguments_of(debts, self._keys)])
        return bool(found)

    def _sizes(self, names: Sequence[bytes]) -> dict[bytes, int]:
        found: list[int] = []
        for start in range(0, len(names), _HEADS):
            keys = self._lists(names[start : start + _HEADS])
            found += cast("list[int]", self._lengths(keys=keys, args=[0]))
        return dict(zip(names, found, strict=True))

    def _oldest(self, names: Sequence[bytes]) -> dict[bytes, float | None]:
        if not names:
            return {}
        flat = cast("list[int | bytes]", self._lengths(keys=self._lists(names), args=[_MOST_OF_FIRST]))
        return {name: _enqueued_at(cast("bytes", raw)) for name, raw in zip(names, flat[1::2], strict=True)}

    def _lists(self, names: Sequence[bytes]) -> list[bytes]:
        prefix = to_bytes(self._keys.queue_prefix)
        return [prefix + name for name in names]


def _enqueued_at(first: bytes) -> float | None:
    return payloads.believed(payloads.decode_or_explain(first).enqueued_at) if first else None
