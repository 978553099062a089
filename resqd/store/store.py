"""Everything that an application asks of Redis, behind one connection that opens at its first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resqd.store import payload as payloads
from resqd.store.connection import ConnectionConfig
from resqd.store.failed import Failures
from resqd.store.guard import store_errors
from resqd.store.keys import Keys, to_bytes
from resqd.store.links import Links
from resqd.store.overview import Overview
from resqd.store.queues import Queues
from resqd.store.stats import Stats
from resqd.store.workers import WorkerManager

if TYPE_CHECKING:
    from redis import Redis

    from resqd.store.backends import FailureBackend


class Store:
    """Queues and stats of one namespace. Threads may share it; a fork gives the child connections of its own."""

    def __init__(self, client: Redis, keys: Keys, links: Links) -> None:
        self._client = client
        self._keys = keys
        self._links = links
        self.queues = Queues(client, keys, links)
        self.stats = Stats(client, keys)
        self.failures = Failures(client, keys)
        self.workers = WorkerManager(client, keys)
        self.overview = Overview(client, keys)

    @classmethod
    def of(cls, *, url: str, namespace: str) -> Store:
        """The store at a URL; no socket is opened yet."""
        config = ConnectionConfig.from_url(url)
        return cls(config.client(), Keys(namespace), Links(config))

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

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._client.close()
        self._links.close()


def _literal(prefix: bytes) -> bytes:
    return b"".join(b"\\" + bytes([char]) if char in b"*?[]^\\" else bytes([char]) for char in prefix)
