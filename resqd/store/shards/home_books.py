"""What only home has of a Resque's books: pauses, and the workers that Ruby sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resqd.store.resque.paused_queues import PausedQueues
from resqd.store.resque.workers import WorkerManager, WorkerStatus, WorkerThreadStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.store.resque.pauses import Note
    from resqd.store.shards.reach import Reach


class HomePauses(PausedQueues):
    """Pauses are kept on the home shard; while that is away none is shown."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def pause(self, queue: str, note: Note) -> bool:
        """Pause a queue everywhere."""
        return self._reach.stores[0].books.pauses.pause(queue, note)

    def resume(self, queue: str) -> Note | None:
        """End that."""
        return self._reach.stores[0].books.pauses.resume(queue)

    def notes(self, queues: Sequence[str]) -> dict[str, Note]:
        """Who paused these."""
        return self._reach.home(lambda store: store.books.pauses.notes(queues), {})

    def by_key(self) -> str:
        """The key that pauses all."""
        return self._reach.home(lambda store: store.books.pauses.by_key(), "")


class HomeWorkers(WorkerManager):
    """Daemons show what they run on the home shard; while that is away none is shown."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def all(self) -> list[WorkerStatus]:
        """Every registered worker."""
        return self._reach.home(lambda store: store.books.workers.all(), [])

    def threads_of_all(self, workers: Sequence[WorkerStatus]) -> list[WorkerThreadStatus]:
        """The busy threads of these workers."""
        return self._reach.home(lambda store: store.books.workers.threads_of_all(workers), [])

    def now(self) -> float:
        """Redis's time."""
        return self._reach.read(lambda store: store.books.workers.now())[0]

    def prune(self, older_than: float) -> list[str]:
        """Take away resqd's own workers that did not beat for so long, on each shard."""
        found = self._reach.act(lambda store: store.books.workers.prune(older_than))
        return sorted({name for names in found for name in names})
