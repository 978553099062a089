"""All that an application may look up in Redis and put right there, over redis-py's client; Resque's counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from resqd.store.keys import Keys
from resqd.store.names import to_bytes
from resqd.store.redis.client import redis_client, store_errors
from resqd.store.resque import payload as payloads
from resqd.store.resque.failed import Failures
from resqd.store.resque.glimpses import Glimpses
from resqd.store.resque.notes import Notes
from resqd.store.resque.paused_queues import PausedQueues
from resqd.store.resque.queues import Overview, Queues
from resqd.store.resque.remote import Remote
from resqd.store.resque.workers import WorkerManager

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis

    from resqd.store.keys import Keys
    from resqd.store.redis.url import ConnectionConfig
    from resqd.store.resque.backends import FailureBackend


T = TypeVar("T")


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


class Books:
    """Queues, counters, failures and workers of one namespace. Threads may share it, and a fork's two sides."""

    def __init__(self, config: ConnectionConfig, keys: Keys) -> None:
        self._client = client = redis_client(config)
        self._keys = keys
        self.queues = Queues(client, keys)
        self.stats = Stats(client, keys)
        self.failures = Failures(client, keys)
        self.workers = WorkerManager(client, keys)
        self.overview = Overview(client, keys)
        self.pauses = PausedQueues(client, keys)
        self.glimpses = Glimpses(client, keys)
        self.notes = Notes(client, keys)
        self.remote = Remote(client, keys)

    @store_errors
    def record_failure(self, record: bytes, queue: str, backend: FailureBackend) -> None:
        """Keep the record of a job from `queue` that no worker ran."""
        place = backend.place(queue, self._keys)
        with self._client.pipeline(transaction=True) as pipe:
            for key in place.lists:
                pipe.rpush(to_bytes(key), record)
            if place.member is not None:
                pipe.sadd(self._keys.failed_queues, to_bytes(place.member))
            pipe.execute()
        backend.save(payloads.load(record))

    @store_errors
    def info(self) -> dict[str, Any]:
        """Resque's overview: counts of jobs, queues, workers and failures."""
        sizes = self.queues.sizes()
        workers = self.workers.all()
        return {
            "pending": sum(sizes.values()),
            "processed": self.stats.processed,
            "queues": len(sizes),
            "workers": len(workers),
            "working": sum(1 for worker in workers if worker.threads_working()),
            "failed": self.stats.failed,
        }

    @store_errors
    def all_keys(self) -> list[str]:
        """Every key of the namespace without its prefix, sorted; walks the whole database."""
        prefix = f"{self._keys.namespace}:".encode()
        found = self._client.scan_iter(match=_literal(prefix) + b"*", count=1_000)
        return sorted({key.removeprefix(prefix).decode(errors="replace") for key in found})

    def open(self, kind: Callable[[Redis, str], T]) -> T:
        """Something else that reads and writes keys of this namespace, such as a plugin's of Resque."""
        return kind(self._client, self._keys.namespace)

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._client.close()


def _literal(prefix: bytes) -> bytes:
    return b"".join(b"\\" + bytes([char]) if char in b"*?[]^\\" else bytes([char]) for char in prefix)
