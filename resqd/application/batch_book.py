"""The batches that there are: to look at them, cancel them, and try again what has failed of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from resqd.application.workflow_graph import WorkflowJob, in_order, jobs_of
from resqd.errors import PayloadError, UnknownBatch
from resqd.store.batches.batches import Batches, Status
from resqd.store.debts import member_of, owed_by

if TYPE_CHECKING:
    from resqd.store.resque.failed_changes import Verdict
    from resqd.store.resque.failed_job import FailedJob
    from resqd.store.resque.store import Store

T = TypeVar("T")


class BatchBook:
    """The batches that there are: `app.batches`. They are kept for 30 days, and for 7 when they are done."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __iter__(self) -> Iterator[Status]:
        return iter(self.newest())

    def newest(self, count: int = 100) -> list[Status]:
        """The latest ones, the newest first."""
        return self._on(lambda batches: batches.newest(count))

    def get(self, batch_id: str) -> Status:
        """One as it is now. Errors: UnknownBatch."""
        found = self._on(lambda batches: batches.get(batch_id))
        if found is None:
            raise UnknownBatch(f"there is no batch {batch_id}: it never was, or ended long ago")
        return found

    def pending(self, batch_id: str) -> list[str]:
        """The ids of its jobs that wait or run; `batch:ID` for a batch in it."""
        return self._on(lambda batches: batches.members(batch_id, "pending"))

    def failed(self, batch_id: str) -> list[str]:
        """The ids of its jobs that have failed for good, and were not requeued."""
        return self._on(lambda batches: batches.members(batch_id, "failed"))

    def nodes(self, batch_id: str) -> list[WorkflowJob]:
        """The jobs of a workflow, each behind those that it waits for; none of a batch that is no workflow."""
        kept = self._on(lambda batches: batches.nodes(batch_id))
        pending, failed = set(self.pending(batch_id)), set(self.failed(batch_id))
        return in_order(jobs_of(kept, pending, failed))

    def cancel(self, batch_id: str) -> int:
        """Take away what has not begun, here and in batches inside it; how many jobs went.

        What runs goes on. The callback for success is never called; that for the end is, when nothing runs any more.
        """
        status = self.get(batch_id)
        self._on(lambda batches: batches.cancel(status))
        pending = self.pending(batch_id)
        inner = [member.removeprefix("batch:") for member in pending if member.startswith("batch:")]
        gone = self._take_away(batch_id, [member for member in pending if not member.startswith("batch:")])
        return gone + sum(self.cancel(each) for each in inner)

    def retry(self, batch_id: str) -> int:
        """Requeue those of its jobs that have failed, here and in batches inside it; how many."""
        self.get(batch_id)
        failures, needle = self._store.books.failures, batch_id.encode()

        def judge(failure: FailedJob) -> Verdict:
            if needle not in failure.record or failure.retried_at:
                return "keep"
            try:
                return "requeue" if _belongs(failure.next_payload(), batch_id) else "keep"
            except PayloadError:
                return "keep"

        def go_on(_judged: int, _changed: int) -> bool:
            return True

        def refused(_failure: FailedJob, _why: str) -> None:
            return None

        return sum(failures.sweep(name, judge, watch=go_on, refused=refused) for name in failures.lists())

    def _take_away(self, batch_id: str, job_ids: Sequence[str]) -> int:
        queues, needle = self._store.books.queues, batch_id.encode()
        gone = self._store.on_later(lambda later: later.cancel(job_ids))
        for queue in queues.names():
            gone += queues.delete(queue, lambda raw: needle in raw and _belongs(raw, batch_id))
        return gone

    def _on(self, use: Callable[[Batches], T]) -> T:
        return self._store.on_link(lambda link, keys: use(Batches(link, keys)))


def _belongs(raw: bytes, batch_id: str) -> bool:
    found = member_of(owed_by(raw))
    return found is not None and batch_id in found[1]
