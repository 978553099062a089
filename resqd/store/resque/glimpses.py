"""Looks for people: into lists of any length and items of any size, at a cost that is bounded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from heapq import nlargest
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


class _Names(NamedTuple):
    """The names of all queues, and in their order the texts and the keys of their lists."""

    members: set[bytes]
    texts: list[str]
    lists: list[bytes]


class Glimpses:
    """Reads queues and failed lists for pages, and deletes one job of a queue."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._lengths = client.register_script(_LENGTHS.source)
        self._glimpse = client.register_script(_GLIMPSE.source)
        self._drop = client.register_script(_DROP.source)
        self._known = _Names(set(), [], [])

    @store_errors
    def queues(self) -> list[QueueLength]:
        """Every queue by name. Of more than a thousand only the longest thousand say how old they are."""
        names = self._names_of(cast("set[bytes]", self._client.smembers(self._keys.queues)))
        sizes: list[int] = []
        for start in range(0, len(names.lists), _HEADS):
            sizes += cast("list[int]", self._lengths(keys=names.lists[start : start + _HEADS], args=[0]))
        waiting = [at for at, size in enumerate(sizes) if size > 0]
        if len(waiting) > _HEADS:
            waiting = nlargest(_HEADS, waiting, key=sizes.__getitem__)
        oldest = self._oldest([names.lists[at] for at in waiting])
        found: list[float | None] = [None] * len(sizes)
        for at, moment in zip(waiting, oldest, strict=True):
            found[at] = moment
        lengths = (None if size < 0 else size for size in sizes)
        return [*map(QueueLength._make, zip(names.texts, lengths, found, strict=True))]

    def _names_of(self, members: set[bytes]) -> _Names:
        """In order; mostly they are those of the last look."""
        if members != self._known.members:
            names, prefix = sorted(members), to_bytes(self._keys.queue_prefix)
            self._known = _Names(members, [*map(to_text, names)], [prefix + name for name in names])
        return self._known

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

    def _oldest(self, lists: Sequence[bytes]) -> list[float | None]:
        if not lists:
            return []
        flat = cast("list[int | bytes]", self._lengths(keys=lists, args=[_MOST_OF_FIRST]))
        return [_enqueued_at(cast("bytes", raw)) for raw in flat[1::2]]


def _enqueued_at(first: bytes) -> float | None:
    return payloads.believed(payloads.decode_or_explain(first).enqueued_at) if first else None
