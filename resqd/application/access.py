"""What an App can see and change in Redis: the queues, the failures, the workers, the counters."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from resqd import sharding
from resqd.errors import PayloadError
from resqd.store.redis.default import Default, found_or_started
from resqd.store.redis.projects import DEFAULT, claimed, folder_of_caller, is_shared
from resqd.store.resque import payload as payloads
from resqd.store.resque.pauses import Note, me
from resqd.store.shards.store import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.store.resque.books import Stats
    from resqd.store.resque.failed import Failures
    from resqd.store.resque.payload import Payload
    from resqd.store.resque.store import Store
    from resqd.store.resque.workers import WorkerManager


class Access:
    """A Redis, and a namespace in it.

    `redis_url` and `namespace` default to REDIS_SHARDS or REDIS_URL (else the embedded server, else localhost)
    and RESQD_NAMESPACE, read at the first use, which starts the embedded server where it does not run. There each
    project has a namespace of its own (`store/redis/projects`), else it is "resque". No socket is opened before that;
    a forked child opens its own.
    """

    def __init__(self, redis_url: str | None = None, namespace: str | None = None) -> None:
        self._urls: tuple[str, ...] = (redis_url,) if redis_url else ()
        self._namespace = namespace
        self._store: Store | None = None
        self._default: Default | None = None
        self._folder = folder_of_caller()
        """The project's, by the code that made this."""

    def configure(
        self,
        *,
        redis_url: str | None = None,
        namespace: str | None = None,
        redis_shards: Sequence[str] = (),
    ) -> None:
        """Fill in what the constructor was not given, before the first use; the daemon's flags come this way."""
        self._urls = tuple(redis_shards) or ((redis_url,) if redis_url else self._urls)
        self._namespace = namespace or self._namespace
        self._store = None

    @property
    def store(self) -> Store:
        """The store, made at the first use. Two threads may both make one at first; either serves."""
        if self._store is None:
            urls, hint = self._urls or sharding.urls_in(os.environ), ""
            if not urls:
                self._default = found_or_started(os.environ)
                urls, hint = (self._default.url,), self._default.hint
            namespace = self._namespace or os.environ.get("RESQD_NAMESPACE") or self._own_namespace()
            self._store = open_store(urls, namespace=namespace, hint=hint)
        return self._store

    def _own_namespace(self) -> str:
        """The namespace where none was given: on the embedded server each project has its own."""
        share = self._default.share if self._default else None
        if share is None or not is_shared(os.environ):
            return DEFAULT
        return claimed(share.folder, self._folder)

    def close(self) -> None:
        """Close the connections, and let the embedded server end where nobody else uses it; the next use opens anew."""
        if self._store is not None:
            self._store.close()
        if self._default is not None and self._default.share is not None:
            self._default.share.close()
        self._store = self._default = None

    def pop(self, queue: str) -> Payload | None:
        """Take the oldest job off a queue; one that cannot be decoded is put back and raises PayloadError."""
        raw = self.store.books.queues.pop(queue)
        if raw is None:
            return None
        try:
            payload = payloads.decode(raw)
        except PayloadError:
            self.store.books.queues.push_front(queue, raw)
            raise
        self.store.settle("removed", raw)
        return payload

    def peek(self, queue: str, start: int = 0, count: int = 1) -> list[Payload]:
        """Up to `count` jobs from position `start` on; one that cannot be decoded says so as its class."""
        return [payloads.decode_or_explain(raw) for raw in self.store.books.queues.peek(queue, start, count)]

    def size(self, queue: str) -> int:
        """How many jobs wait in a queue."""
        return self.store.books.queues.size(queue)

    def queues(self) -> list[str]:
        """The names of all queues, sorted."""
        return self.store.books.queues.names()

    def queue_sizes(self) -> dict[str, int]:
        """How many jobs wait, by queue."""
        return self.store.books.queues.sizes()

    def sample_queues(self, count: int = 1_000) -> dict[str, dict[str, Any]]:
        """By queue, its `size` and up to `count` of its oldest jobs as `samples`."""
        sizes = self.store.books.queues.sizes()
        return {name: {"size": size, "samples": self.peek(name, 0, count)} for name, size in sizes.items()}

    def remove_queue(self, queue: str) -> int:
        """Delete a queue with all its jobs; how many there were."""
        return self.store.books.queues.remove(queue)

    def pause_queue(self, queue: str, *, why: str | None = None, by: str | None = None) -> bool:
        """Let no daemon take jobs from a queue, within a second and on any host; False where it was paused already.

        `why` and `by` (default: this process's user and host) are shown to whoever looks. Jobs that run go on, and
        Ruby's workers obey where they have resque-pause. Then the first note stays.
        """
        note = Note(by=me() if by is None else by, at=round(time.time(), 3), why=why)
        return self.store.books.pauses.pause(queue, note)

    def resume_queue(self, queue: str) -> bool:
        """Take jobs from a queue again; whether it was paused."""
        return self.store.books.pauses.resume(queue) is not None

    def paused_queues(self) -> dict[str, Note]:
        """The queues that are paused, each with a note of who did it (`by`), when (`at`) and `why`."""
        return self.store.books.pauses.notes(self.queues())

    def info(self) -> dict[str, Any]:
        """Resque's overview: pending, processed, queues, workers, working, failed."""
        return self.store.books.info()

    def keys(self) -> list[str]:
        """Every key of the namespace without its prefix; walks the whole database."""
        return self.store.books.all_keys()

    @property
    def stats(self) -> Stats:
        """The counters of jobs processed and failed."""
        return self.store.books.stats

    @property
    def failures(self) -> Failures:
        """The failed lists: look, requeue, remove, clear."""
        return self.store.books.failures

    @property
    def workers(self) -> WorkerManager:
        """The registered workers of all hosts."""
        return self.store.books.workers
