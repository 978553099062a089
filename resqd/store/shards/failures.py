"""The failed lists of all shards as one: positions count through the parts of a list, the home shard's first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from resqd.store.resque.backends import DEFAULT_EXPIRE_GENERATION
from resqd.store.resque.failed import _DEFAULT, Failures, Refused
from resqd.store.resque.sweep import FailureMoved
from resqd.store.shards.reach import window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from resqd.store.resque.failed_changes import Verdict
    from resqd.store.resque.failed_job import FailedJob
    from resqd.store.shards.reach import Reach


class AllFailures(Failures):
    """A failed job goes back to its queue on the shard where it failed."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def lists(self) -> list[str]:
        """The names of all failed lists, `failed` first."""
        found = self._reach.read(lambda store: store.books.failures.lists())
        return [_DEFAULT, *sorted({name for names in found for name in names} - {_DEFAULT})]

    def count(self, *, queue: str | None = None, job_class: str | None = None) -> int:
        """How many failures there are."""
        return sum(self._reach.read(lambda s: s.books.failures.count(queue=queue, job_class=job_class)))

    def all(self, offset: int = 0, limit: int = 20, *, list_name: str = _DEFAULT) -> list[FailedJob]:
        """Up to `limit` failures of one list from position `offset` on."""
        parts = self._reach.read(lambda s: (s.books.failures, s.books.failures.length(list_name)))
        lengths = [length for _, length in parts]
        return [
            replace(failure, index=failure.index + sum(lengths[:number]))
            for number, first, many in window(lengths, offset, limit)
            for failure in parts[number][0].all(first, many, list_name=list_name)
        ]

    def each(self, *, queue: str | None = None, job_class: str | None = None) -> Iterator[FailedJob]:
        """Every failure, of all or of one queue or class."""
        names = self.lists()
        before = dict.fromkeys(names, 0)
        for failures in self._reach.read(lambda store: store.books.failures):
            lengths = {name: failures.length(name) for name in names}
            for failure in failures.each(queue=queue, job_class=job_class):
                yield replace(failure, index=failure.index + before.get(failure.list_name, 0))
            before = {name: before[name] + lengths[name] for name in names}

    def find(self, job_id: str) -> FailedJob:
        """The latest failure of a job; raises FailureMoved where there is none."""
        for failures in self._reach.read(lambda store: store.books.failures):
            try:
                return failures.find(job_id)
            except FailureMoved as error:
                moved = error
        raise moved

    def requeue(self, failure: FailedJob | str | int, *, keep: bool = True) -> FailedJob:
        """Put a failure's job back on its queue, where it failed."""
        return self._where_it_is(failure, lambda own, each: own.requeue(each, keep=keep))

    def remove(self, failure: FailedJob | str | int) -> FailedJob:
        """Delete a failure's record."""
        return self._where_it_is(failure, lambda own, each: own.remove(each))

    def requeue_all(self, refused: Refused | None = None) -> int:
        """Requeue every failure not retried yet; how many."""
        return sum(self._reach.act(lambda store: store.books.failures.requeue_all(refused)))

    def requeue_queue(self, queue: str, refused: Refused | None = None) -> int:
        """Requeue the failures of one queue not retried yet; how many."""
        return sum(self._reach.act(lambda store: store.books.failures.requeue_queue(queue, refused)))

    def retry_young(self, expire_generation: int = DEFAULT_EXPIRE_GENERATION) -> int:
        """Requeue the failures of generations below that; how many."""
        return sum(self._reach.act(lambda store: store.books.failures.retry_young(expire_generation)))

    def remove_queue(self, queue: str) -> int:
        """Delete the records of one queue's failures; how many."""
        return sum(self._reach.act(lambda store: store.books.failures.remove_queue(queue)))

    def clear(self, *, everything: bool = False) -> int:
        """Delete the records of failures that were retried, or everything; how many."""
        return sum(self._reach.act(lambda store: store.books.failures.clear(everything=everything)))

    def sweep(
        self,
        list_name: str,
        judge: Callable[[FailedJob], Verdict],
        *,
        watch: Callable[[int, int], bool],
        refused: Callable[[FailedJob, str], None],
    ) -> int:
        """Let `judge` decide what becomes of each failure of one list, shard by shard; how many were changed."""
        judged = changed = 0
        going = True

        def told(more: int, altered: int) -> bool:
            nonlocal going
            going = watch(judged + more, changed + altered)
            return going

        for store in self._reach.stores:
            length = store.books.failures.length(list_name)
            altered = store.books.failures.sweep(list_name, judge, watch=told, refused=refused)
            judged, changed = judged + length, changed + altered
            if not going:
                break
        return changed

    def length(self, list_name: str) -> int:
        """How many failures one list holds."""
        return sum(self._reach.read(lambda store: store.books.failures.length(list_name)))

    def key(self, list_name: str) -> str:
        """The key of a failed list on the home shard."""
        return self._reach.stores[0].books.failures.key(list_name)

    def _from_end(self, index: int, list_name: str) -> list[FailedJob]:
        position = self.length(list_name) + index
        return self.all(position, 1, list_name=list_name) if position >= 0 else []

    def _where_it_is(
        self, failure: FailedJob | str | int, act: Callable[[Failures, FailedJob], FailedJob]
    ) -> FailedJob:
        """Done on the shard that has that very record."""
        chosen, before = self._chosen(failure), 0
        for own in self._reach.read(lambda store: store.books.failures):
            try:
                return act(own, replace(chosen, index=max(0, chosen.index - before)))
            except FailureMoved as error:
                moved = error
            before += own.length(chosen.list_name)
        raise moved
