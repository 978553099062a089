"""Resque's queues: lists of payloads, the set of their names, and what one look shows of all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from redis.exceptions import ResponseError

from resqd.store.debts import PAYING, Debts, arguments_of, keys_of, owed_by
from resqd.store.inflight.incarnation import of_life
from resqd.store.inflight.tokens import split_entry
from resqd.store.keys import Keys
from resqd.store.names import to_bytes, to_text
from resqd.store.redis.client import store_errors
from resqd.store.redis.protocol import Script
from resqd.store.resque import payload as payloads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redis import Redis
    from redis.exceptions import RedisError

    from resqd.store.keys import Keys


_SCAN_CHUNK: Final = 1_000
_DRAINED: Final = 1_000
"""Jobs that are deleted in one step where some may owe something."""
_MOVE: Final = Script.load("resque/move")
_DRAIN: Final = Script.load("resque/drain", *PAYING)
_TAKE_AWAY: Final = Script.load("resque/take_away", *PAYING)
_MOVE_JOBS: Final = 500
_MOVE_BYTES: Final = 1_000_000
"""How much one step of a move takes: Redis serves nobody else for about half a millisecond."""


class Queues:
    """Pop from and look into queues. Names are text; payloads are bytes, kept exactly."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._move = client.register_script(_MOVE.source)
        self._drain_step = client.register_script(_DRAIN.source)
        self._take_away = client.register_script(_TAKE_AWAY.source)

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
    def clear(self, queue: str) -> int:
        """Delete all jobs of a queue, in one step whatever their number; how many there were.

        What they owe is settled: where any job may owe something they are put aside in that step, and read.
        """
        return self._delete_all(queue, forget=False)

    @store_errors
    def move(self, source: str, target: str) -> int:
        """Move what waits in one queue to the end of another, in order; how many jobs.

        A step of it is one script, so each job is in one of the two, also after an error; calling it again moves the
        rest. What is pushed meanwhile is left where it was pushed to, or goes along.
        """
        keys = [self._list(source), self._list(target), to_bytes(self._keys.queues)]
        total, moved = self.size(source), 0
        while moved < total:
            step = cast("int", self._move(keys=keys, args=[to_bytes(target), _MOVE_JOBS, _MOVE_BYTES]))
            if not step:
                break  # workers have taken the rest
            moved += step
        return moved

    @store_errors
    def remove(self, queue: str) -> int:
        """Delete a queue with all its jobs; how many there were. As `clear` does."""
        return self._delete_all(queue, forget=True)

    def _delete_all(self, queue: str, *, forget: bool) -> int:
        key, aside = self._list(queue), to_bytes(self._keys.removed(queue))
        owing = self._client.exists(*self._keys.creditors)
        self._drain(aside)  # what somebody has left behind who was stopped
        with self._client.pipeline(transaction=True) as pipe:
            pipe.llen(key)
            if forget:
                pipe.srem(self._keys.queues, to_bytes(queue))
            if owing:
                pipe.renamenx(cast("str", key), cast("str", aside))
            else:
                pipe.unlink(key)
            count, *replies = pipe.execute(raise_on_error=False)
        for reply in (count, *replies):
            if isinstance(reply, Exception) and "no such key" not in str(reply):
                raise reply
        if owing and count and not replies[-1]:  # somebody else removes it at this very moment
            return self._delete_all(queue, forget=forget)
        self._drain(aside)
        return cast("int", count)

    def _drain(self, aside: bytes) -> None:
        """Delete a list that is nobody's queue any more, with what its jobs owe, step by step."""
        length = looked = 0
        debts: list[Debts] = []
        while True:
            keys = keys_of((debt for each in debts for debt in each), self._keys)
            arguments = [part for each in debts for part in arguments_of(each, self._keys)]
            found = self._drain_step(keys=[aside, *keys], args=[length, looked, _DRAINED, *arguments])
            length, looked, *heads = cast("tuple[Any, ...]", found)
            if not length:
                return
            debts = [owed for head in heads if (owed := owed_by(head))]

    @store_errors
    def delete(self, queue: str, matches: Callable[[bytes], bool]) -> int:
        """Delete the jobs whose payload matches; how many went. Reads the whole queue, in chunks."""
        key = self._list(queue)
        chosen = dict.fromkeys(raw for raw in self._backwards(key) if matches(raw))
        deleted = 0
        for raw in chosen:
            debts = owed_by(raw)
            args = [raw, *arguments_of(debts, self._keys)]
            deleted += self._take_away(keys=[key, *keys_of(debts, self._keys)], args=args)
        return deleted

    @store_errors
    def find(self, queue: str, matches: Callable[[bytes], bool]) -> bytes | None:
        """The first payload from the end that matches; None where there is none. Reads in chunks."""
        return next((raw for raw in self._backwards(self._list(queue)) if matches(raw)), None)

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


_COUNT: Final = Script.load("inflight/count")


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue: jobs that wait (None: its key is not a list), jobs in flight, the oldest one's `enqueued_at`.

    That time is in seconds since 1970 by the producer's clock, None where it wrote none, as Ruby does.
    """

    name: str
    size: int | None
    in_flight: int
    oldest: float | None


class Overview:
    """Reads only; what it shows is not of one single moment."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._count = client.register_script(_COUNT.source)

    @store_errors
    def queues(self) -> list[QueueState]:
        """Every queue that has a name in the set or a job in flight, sorted by name."""
        held = self.in_flight()
        members = cast("set[bytes]", self._client.smembers(self._keys.queues))
        names = sorted({to_text(member) for member in members} | set(held))
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                key = to_bytes(self._keys.queue(name))
                pipe.llen(key)
                pipe.lindex(key, 0)
            replies = pipe.execute(raise_on_error=False)
        return [
            QueueState(name, size if isinstance(size, int) else None, held.get(name, 0), _enqueued_at(first))
            for name, size, first in zip(names, replies[::2], replies[1::2], strict=True)
        ]

    @store_errors
    def in_flight(self) -> dict[str, int]:
        """How many jobs all daemons hold, by queue."""
        counts: Counter[str] = Counter()
        for key in self._inflight_keys():
            flat = cast("list[bytes | int]", self._count(keys=[key]))
            for name, count in zip(flat[::2], flat[1::2], strict=True):
                counts[to_text(cast("bytes", name))] += cast("int", count)
        return dict(counts)

    @store_errors
    def suspects(self) -> int:
        """How many jobs wait to be run alone, because one of them may have killed its process."""
        return sum(self._client.llen(self._keys.suspects(daemon)) for daemon in self._daemons())

    @store_errors
    def holder(self, job_id: str) -> str | None:
        """Which incarnation, `HOST/NAME:EPOCH.FORK`, holds a job in flight; None where none does. Reads them all."""
        needle = job_id.encode("utf-8", "surrogateescape")
        for daemon in self._daemons():
            for incarnation in self._fields(self._keys.index(daemon)):
                entries = self._client.hscan_iter(
                    to_bytes(self._keys.inflight(daemon, incarnation)), count=500
                )
                for field, entry in entries:
                    if not field.startswith(b"!") and _is_of(entry, needle, job_id):
                        return f"{daemon}:{incarnation}"
        return None

    @store_errors
    def suspect_of(self, job_id: str) -> str | None:
        """Whose suspect a job is, HOST/NAME; None where it waits for no probation."""
        needle = job_id.encode("utf-8", "surrogateescape")
        for daemon in self._daemons():
            entries = cast("list[bytes]", self._client.lrange(self._keys.suspects(daemon), 0, -1))
            if any(_is_of(entry, needle, job_id) for entry in entries):
                return daemon
        return None

    def _inflight_keys(self) -> list[bytes]:
        return [
            to_bytes(self._keys.inflight(daemon, incarnation))
            for daemon in self._daemons()
            for incarnation in self._fields(self._keys.index(daemon))
        ]

    def _daemons(self) -> list[str]:
        return sorted({of_life(life)[0] for life in self._fields(self._keys.daemons)})

    def _fields(self, key: str) -> list[str]:
        return [to_text(field) for field in cast("list[bytes]", self._client.hkeys(key))]


def _is_of(entry: bytes, needle: bytes, job_id: str) -> bool:
    """Whether an entry of a job in flight is of that job; most are told apart without being read."""
    if needle not in entry:
        return False
    try:
        _, raw = split_entry(entry)
    except ValueError:
        return False
    return payloads.decode_or_explain(raw).id == job_id


def _enqueued_at(first: object) -> float | None:
    if not isinstance(first, bytes):
        return None
    return payloads.believed(payloads.decode_or_explain(first).enqueued_at)
