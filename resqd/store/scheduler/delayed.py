"""resque-scheduler's delayed jobs for whoever makes, looks up or takes back one: its keys, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from resqd.errors import PayloadError
from resqd.store.names import number, to_bytes
from resqd.store.redis.client import store_errors
from resqd.store.resque import payload as payloads
from resqd.store.scheduler.keys import SchedulerKeys, list_name, timestamp_of
from resqd.store.scheduler.retry_keys import failure_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from redis import Redis

_CHUNK: Final = 100


class Delayed:
    """The moments at which jobs are due, in seconds since 1970, and the payloads of each."""

    def __init__(self, client: Redis, namespace: str) -> None:
        self._client = client
        self._keys = SchedulerKeys(namespace)

    @store_errors
    def push(self, timestamp: int, payload: bytes) -> None:
        """Add a payload to those of one moment; in one step, which Ruby's scheduler cannot come into."""
        name = list_name(timestamp)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.rpush(self._keys.delayed(timestamp), payload)
            pipe.sadd(cast("str", self._keys.timestamps(payload)), name)
            pipe.zadd(self._keys.schedule, {str(timestamp): timestamp})
            pipe.execute()

    @store_errors
    def remove(self, payload: bytes, *, timestamp: int | None = None) -> int:
        """Delete a payload from the lists of all moments, or of one; how many there were.

        A moment that has no jobs any more stays in the schedule until it has come, as Ruby leaves it.
        """
        moments = cast("str", self._keys.timestamps(payload))
        names = cast("set[bytes]", self._client.smembers(moments))
        known = [at for name in sorted(names) if (at := timestamp_of(name)) is not None]
        chosen = known if timestamp is None else [timestamp]
        if not chosen:
            return 0
        with self._client.pipeline(transaction=True) as pipe:
            for at in chosen:
                pipe.lrem(self._keys.delayed(at), 0, cast("str", payload))
                pipe.srem(moments, list_name(at))
            return sum(pipe.execute()[::2])

    @store_errors
    def moments_of(self, payload: bytes) -> list[int]:
        """When a payload is due, earliest first."""
        names = cast("set[bytes]", self._client.smembers(cast("str", self._keys.timestamps(payload))))
        return sorted(at for name in names if (at := timestamp_of(name)) is not None)

    @store_errors
    def moments(self, start: int = 0, count: int | None = None) -> list[int]:
        """The moments at which something is due, earliest first."""
        end = -1 if count is None else start + count - 1
        members = (
            [] if count is not None and count < 1 else self._client.zrange(self._keys.schedule, start, end)
        )
        return [at for member in cast("list[bytes]", members) if (at := number(member)) is not None]

    @store_errors
    def count(self, timestamp: int | None = None) -> int:
        """How many jobs are due at one moment, or delayed in all."""
        if timestamp is not None:
            return self._client.llen(self._keys.delayed(timestamp))
        total = 0
        for chunk in _chunks(self.moments()):
            with self._client.pipeline(transaction=False) as pipe:
                for at in chunk:
                    pipe.llen(self._keys.delayed(at))
                total += sum(pipe.execute())
        return total

    @store_errors
    def payloads(self, timestamp: int, start: int = 0, count: int | None = None) -> list[bytes]:
        """The payloads of one moment, in their order."""
        end = -1 if count is None else start + count - 1
        if count is not None and count < 1:
            return []
        return cast("list[bytes]", self._client.lrange(self._keys.delayed(timestamp), start, end))

    @store_errors
    def schedules(self) -> dict[bytes, bytes]:
        """The configurations of schedules that were made at run time, by name, as JSON."""
        return cast("dict[bytes, bytes]", self._client.hgetall(self._keys.persistent_schedules))

    @store_errors
    def last_enqueued(self) -> dict[bytes, bytes]:
        """When each schedule last enqueued its job, by name, as Ruby shows a time."""
        return cast("dict[bytes, bytes]", self._client.hgetall(self._keys.last_enqueued))

    @store_errors
    def retries(self, keys: Sequence[str]) -> list[tuple[int | None, str | None]]:
        """By resque-retry's keys, how often each was tried again, and its last error; None where it was not."""
        if not keys:
            return []
        names = [self._keys.other(name) for key in keys for name in (key, failure_key(key))]
        found = cast("list[bytes | None]", self._client.mget(names))
        return [
            (None if count is None else number(count), None if failure is None else _error_of(failure))
            for count, failure in zip(found[::2], found[1::2], strict=True)
        ]

    @store_errors
    def holder(self, lock_prefix: str = "") -> bytes | None:
        """Who holds the lock of the one scheduler that works; None where nobody does."""
        return cast("bytes | None", self._client.get(to_bytes(self._keys.lock(lock_prefix))))


def _error_of(record: bytes) -> str | None:
    """The error that a failure's record names."""
    try:
        value = payloads.load(record)
    except PayloadError:
        return None
    return f"{value.get('exception')}: {value.get('error')}" if isinstance(value, dict) else None


def _chunks(moments: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(moments), _CHUNK):
        yield moments[start : start + _CHUNK]
