"""The keys of the Ruby gem resque-status: what jobs say of how far they are, byte for byte as the gem writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from resqd.errors import PayloadError
from resqd.store.names import to_text
from resqd.store.redis.client import store_errors
from resqd.store.resque import payload as payloads
from resqd.store.resque.ruby_json import ruby_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from redis import Redis


class StatusStore:
    """A status is a JSON object at `status:UUID`; `_statuses` has all by their age, `_kill` whom to kill.

    Errors: StoreError; PayloadError for what cannot be written.
    """

    def __init__(self, client: Redis, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    @store_errors
    def get(self, uuids: Sequence[str]) -> list[dict[str, Any] | None]:
        """The statuses in order; None for each that there is not, or that is no object."""
        found = self._client.mget([self._status(uuid) for uuid in uuids]) if uuids else []
        return [None if raw is None else _object(raw) for raw in cast("list[bytes | None]", found)]

    @store_errors
    def set(self, uuid: str, facts: Mapping[str, Any], *, expire_in: int | None) -> None:
        """Write a status, which goes after `expire_in` seconds without another."""
        self._client.set(self._status(uuid), ruby_json(facts), ex=expire_in)

    @store_errors
    def enter(self, uuid: str, now: int, *, expire_in: int | None) -> None:
        """List a new status, and forget those that are older than `expire_in` seconds, as the gem does."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zadd(self._all, {uuid: now})
            if expire_in is not None:
                pipe.zremrangebyscore(self._all, 0, now - expire_in)
            pipe.execute()

    @store_errors
    def remove(self, uuid: str) -> None:
        """Delete a status."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.delete(self._status(uuid))
            pipe.zrem(self._all, uuid)
            pipe.execute()

    @store_errors
    def uuids(self, start: int = 0, count: int | None = None) -> list[str]:
        """Up to `count` of them, newest first."""
        if count is not None and count < 1:
            return []
        found = self._client.zrevrange(self._all, start, -1 if count is None else start + count - 1)
        return [to_text(uuid) for uuid in cast("list[bytes]", found)]

    @store_errors
    def count(self) -> int:
        """How many are listed."""
        return self._client.zcard(self._all)

    @store_errors
    def kill(self, uuid: str) -> None:
        """Ask a job to end when it next says how far it is."""
        self._client.sadd(self._kill, uuid)

    @store_errors
    def killed(self, uuid: str) -> None:
        """It has ended."""
        self._client.srem(self._kill, uuid)

    @store_errors
    def to_kill(self, uuid: str) -> bool:
        """Whether a job is to end."""
        return bool(self._client.sismember(self._kill, uuid))

    @property
    def _all(self) -> str:
        return f"{self._namespace}:_statuses"

    @property
    def _kill(self) -> str:
        return f"{self._namespace}:_kill"

    def _status(self, uuid: str) -> str:
        return f"{self._namespace}:status:{uuid}"


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = payloads.load(raw)
    except PayloadError:
        return None
    return value if isinstance(value, dict) else None
