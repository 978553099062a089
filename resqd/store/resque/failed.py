"""Administration of the failed lists: look, requeue, remove, clear, by job id as well as by position."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from resqd.store.debts import PAYING, keys_of
from resqd.store.names import to_bytes, to_text
from resqd.store.redis.client import store_errors
from resqd.store.redis.protocol import Script
from resqd.store.resque.backends import DEFAULT_EXPIRE_GENERATION
from resqd.store.resque.failed_changes import NotUnique, Step, Verdict, batches, plan
from resqd.store.resque.failed_job import FailedJob
from resqd.store.resque.sweep import MOST_TRIES, FailureMoved, Sweep
from resqd.text import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

    from resqd.store.keys import Keys

_CHANGE: Final = Script.load("resque/change_failed", *PAYING)

Refused = Callable[[FailedJob, str], None]

_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9 _.:-]+")
_CHUNK: Final = 200
_DEFAULT: Final = "failed"


class Failures:
    """The failed lists of one namespace: `failed`, and those named in `failed_queues`."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._change = client.register_script(_CHANGE.source)

    @store_errors
    def lists(self) -> list[str]:
        """The names of all failed lists, `failed` first."""
        members = cast("set[bytes]", self._client.smembers(self._keys.failed_queues))
        return [_DEFAULT, *sorted({to_text(member) for member in members} - {_DEFAULT})]

    @store_errors
    def count(self, *, queue: str | None = None, job_class: str | None = None) -> int:
        """How many failures there are, of all or of one queue or class; the latter two read every record."""
        if queue is None and job_class is None:
            return sum(self._client.llen(self._key(name)) for name in self.lists())
        return sum(1 for _ in self.each(queue=queue, job_class=job_class))

    @store_errors
    def all(self, offset: int = 0, limit: int = 20, *, list_name: str = _DEFAULT) -> list[FailedJob]:
        """Up to `limit` failures of one list, oldest first, from position `offset` on."""
        if limit < 1:
            return []
        records = cast("list[bytes]", self._client.lrange(self._key(list_name), offset, offset + limit - 1))
        return [
            FailedJob.read(record, list_name=list_name, index=index)
            for index, record in enumerate(records, start=offset)
        ]

    def each(self, *, queue: str | None = None, job_class: str | None = None) -> Iterator[FailedJob]:
        """Every failure, oldest first in each list, of all or of one queue or class."""
        for name in self.lists():
            for failure in self._walk(name):
                if queue in {None, failure.queue} and job_class in {None, failure.job_class}:
                    yield failure

    @store_errors
    def find(self, job_id: str) -> FailedJob:
        """The latest failure of a job, by its id or by what is shown of it; raises FailureMoved where there is none."""
        # Other characters than these may stand in a record as an escape of JSON's, or be shown as one.
        needle = job_id.encode() if _PLAIN_ID.fullmatch(job_id) else b""
        latest = None
        for name in self.lists():
            for failure in self._walk(name, needle):
                if failure.id is not None and job_id in {failure.id, escaped(failure.id)}:
                    latest = failure
        if latest is None:
            raise FailureMoved(f"there is no failure of job {escaped(job_id)}")
        return latest

    @store_errors
    def at(self, index: int, *, list_name: str = _DEFAULT, job_id: str | None = None) -> FailedJob:
        """The failure at a position (negative: from the end).

        Raises FailureMoved where there is none, or where `job_id` says that another was meant.
        """
        found = self.all(index, 1, list_name=list_name) if index >= 0 else self._from_end(index, list_name)
        if not found:
            raise FailureMoved(f"there is no failure at {index} in {list_name}")
        if job_id not in {None, found[0].id}:
            raise FailureMoved(f"the failure at {index} in {list_name} is of job {found[0].id}, not {job_id}")
        return found[0]

    @store_errors
    def requeue(self, failure: FailedJob | str | int, *, keep: bool = True) -> FailedJob:
        """Put a failure's job back on its queue, and mark the record as retried, or delete it where it is not kept.

        The failure is given itself, or by job id or position. The job's id stays, its generation grows by one.
        Raises FailureMoved where it is gone, PayloadError where its payload was not kept.
        """
        return self._apply(self._chosen(failure), "mark" if keep else "requeue")

    @store_errors
    def remove(self, failure: FailedJob | str | int) -> FailedJob:
        """Delete a failure's record; raises FailureMoved where it is gone."""
        return self._apply(self._chosen(failure), "remove")

    @store_errors
    def requeue_all(self, refused: Refused | None = None) -> int:
        """Requeue every failure not retried yet, and delete its record; how many.

        `refused` is told of each that cannot be put back, and why: its record was not kept whole, or it is unique and
        another such job is there.
        """
        return self._sweep_all(lambda failure: "keep" if failure.retried_at else "requeue", refused)

    @store_errors
    def requeue_queue(self, queue: str, refused: Refused | None = None) -> int:
        """Requeue the failures of one queue not retried yet, their records kept with the time; how many."""
        return self._sweep_all(
            lambda failure: "mark" if failure.queue == queue and not failure.retried_at else "keep", refused
        )

    @store_errors
    def retry_young(self, expire_generation: int = DEFAULT_EXPIRE_GENERATION) -> int:
        """Requeue the failures of generations below that, and delete their records; how many."""
        return self._sweep_all(
            lambda failure: (
                "requeue" if failure.generation < expire_generation and not failure.retried_at else "keep"
            )
        )

    @store_errors
    def remove_queue(self, queue: str) -> int:
        """Delete the records of one queue's failures; how many."""
        return self._sweep_all(lambda failure: "remove" if failure.queue == queue else "keep")

    @store_errors
    def clear(self, *, everything: bool = False) -> int:
        """Delete the records of failures that were retried, as the Ruby fork does, or everything; how many."""
        return self._sweep_all(lambda failure: "remove" if everything or failure.retried_at else "keep")

    @store_errors
    def sweep(
        self,
        list_name: str,
        judge: Callable[[FailedJob], Verdict],
        *,
        watch: Callable[[int, int], bool],
        refused: Callable[[FailedJob, str], None],
    ) -> int:
        """Let `judge` decide what becomes of each failure of one list; how many were changed.

        `watch` is told after each chunk how many were judged and how many changed, and ends it with False;
        `refused` is told of each that was to be requeued and cannot be, and why.
        """
        return self._sweep(list_name, judge, watch=watch, refused=refused)

    @store_errors
    def length(self, list_name: str) -> int:
        """How many failures one list holds."""
        return self._client.llen(self._key(list_name))

    def key(self, list_name: str) -> str:
        """The key of a failed list."""
        if list_name == _DEFAULT:
            return self._keys.failed
        return self._keys.failed_queue(list_name.removesuffix("_failed"))

    def _key(self, list_name: str) -> bytes:
        return to_bytes(self.key(list_name))

    def _from_end(self, index: int, list_name: str) -> list[FailedJob]:
        position = self._client.llen(self._key(list_name)) + index
        return self.all(position, 1, list_name=list_name) if position >= 0 else []

    def _chosen(self, failure: FailedJob | str | int) -> FailedJob:
        if isinstance(failure, FailedJob):
            return failure
        return self.find(failure) if isinstance(failure, str) else self.at(failure)

    def _walk(self, list_name: str, needle: bytes = b"") -> Iterator[FailedJob]:
        offset = 0
        while records := self._records(list_name, offset):
            for index, record in enumerate(records, start=offset):
                if needle in record:
                    yield FailedJob.read(record, list_name=list_name, index=index)
            offset += len(records)

    @store_errors
    def _records(self, list_name: str, offset: int) -> list[bytes]:
        return cast("list[bytes]", self._client.lrange(self._key(list_name), offset, offset + _CHUNK - 1))

    def _apply(self, failure: FailedJob, verdict: Verdict) -> FailedJob:
        # Records before it may have gone since it was read, so look for the same bytes once more.
        step = Step.of(failure, verdict, failure.index)
        for _ in range(MOST_TRIES):
            if self._run(failure.list_name, [step]) == 1:
                return failure
            if step.lock and (holders := self._holders([step.lock.partition(" ")[0]])):
                raise NotUnique(*holders.values())
            position = self._position(failure.list_name, failure.record)
            if position is None:
                break
            step = replace(step, at=position)
        raise FailureMoved(f"the failure of job {failure.id} is gone from {failure.list_name}")

    def _holders(self, fingerprints: list[str]) -> dict[str, str]:
        """Which of these are locked, and by which jobs."""
        locks = cast("list[bytes | None]", self._client.hmget(self._keys.unique, fingerprints))
        return {
            each: to_text(lock).partition(" ")[2]
            for each, lock in zip(fingerprints, locks, strict=True)
            if lock is not None
        }

    def _position(self, list_name: str, record: bytes) -> int | None:
        found = self._client.lpos(self._key(list_name), cast("str", record))
        return found if isinstance(found, int) else None

    def _sweep_all(self, judge: Callable[[FailedJob], Verdict], refused: Refused | None = None) -> int:
        return sum(self._sweep(name, judge, refused=refused) for name in self.lists())

    def _sweep(
        self,
        list_name: str,
        judge: Callable[[FailedJob], Verdict],
        *,
        watch: Callable[[int, int], bool] | None = None,
        refused: Callable[[FailedJob, str], None] | None = None,
    ) -> int:
        return Sweep(
            name=list_name,
            total=self._client.llen(self._key(list_name)),
            read=lambda offset, count: self.all(offset, count, list_name=list_name),
            plan=lambda chunk, offset: plan(chunk, judge, offset, holders=self._holders, refused=refused),
            apply=lambda steps: self._run(list_name, steps),
            find=lambda record: self._position(list_name, record),
            watch=watch,
        ).run()

    def _run(self, list_name: str, steps: list[Step]) -> int:
        done = 0
        for batch in batches(steps):
            keys = [self._key(list_name), to_bytes(self._keys.queues), to_bytes(self._keys.unique)]
            keys += [to_bytes(self._keys.queue(step.queue)) for step in batch]
            keys += map(to_bytes, keys_of((debt for step in batch for debt in step.debts), self._keys))
            args = [part for step in batch for part in step.args(self._keys)]
            applied = cast("int", self._change(keys=keys, args=args))
            done += applied
            if applied < len(batch):
                break
        return done
