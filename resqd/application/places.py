"""Where one job is, by its id: to find it, cancel it, move it in time, run it now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from resqd.application.access import Access
from resqd.errors import StoreError
from resqd.store.gates.gates import Gates
from resqd.store.later.later import CHUNK, Later, Waiting
from resqd.store.resque.payload import decode_or_explain
from resqd.using import after, at

if TYPE_CHECKING:
    from resqd.job import Job
    from resqd.store.resque.payload import Payload
    from resqd.store.resque.store import Store
    from resqd.store.resque.workers import WorkerThreadStatus

Place = Literal["later", "parked", "waiting", "running", "gone"]


@dataclass(frozen=True, slots=True)
class LaterJob:
    """One job that is to run later; `due` in seconds since 1970. `ticket` names it, and is mostly its id."""

    ticket: str
    due: float
    queue: str
    payload: Payload


class LaterJobs:
    """Those that are to run later, all or of one job or queue, as they are when it is iterated; the first due first."""

    def __init__(self, store: Store, *, name: str | None, queue: str | None) -> None:
        self._store = store
        self._name = name
        self._queue = queue

    def __iter__(self) -> Iterator[LaterJob]:
        return iter([_shown(each) for each in self._store.on_later(lambda later: list(self._chosen(later)))])

    def __len__(self) -> int:
        if self._name is None and self._queue is None:
            return self._store.on_later(lambda later: later.count())
        return self._store.on_later(lambda later: sum(1 for _ in self._chosen(later)))

    def cancel_all(self) -> int:
        """Take them away, 500 to a call; how many went."""
        return self._act(lambda later, tickets: later.cancel(tickets))

    def run_all_now(self) -> int:
        """Move them to the fronts of their queues; how many went."""
        return self._act(lambda later, tickets: later.run_now(tickets))

    def _act(self, act: Callable[[Later, list[str]], int]) -> int:
        def run(later: Later) -> int:
            tickets = [each.ticket for each in self._chosen(later)]
            return sum(act(later, tickets[start : start + CHUNK]) for start in range(0, len(tickets), CHUNK))

        return self._store.on_later(run)

    def _chosen(self, later: Later) -> Iterator[Waiting]:
        for each in later.all():
            if self._queue in (None, each.queue) and (
                self._name is None or decode_or_explain(each.raw).job_class == self._name
            ):
                yield each


class Places(Access):
    """Finds and changes single jobs by their ids."""

    def later(self, job: Job[..., Any] | str | None = None, *, queue: str | None = None) -> LaterJobs:
        """The jobs that are to run later: all, or those of one job, given itself or by name, or for one queue."""
        name = job if isinstance(job, str) or job is None else job.name
        return LaterJobs(self.store, name=name, queue=queue)

    def cancel_all(self, job: Job[..., Any] | str | None = None, *, queue: str | None = None) -> int:
        """Take those jobs away that are to run later, of one job or for one queue; how many went."""
        return self._some(job, queue).cancel_all()

    def run_all_now(self, job: Job[..., Any] | str | None = None, *, queue: str | None = None) -> int:
        """Move them to the fronts of their queues; how many went."""
        return self._some(job, queue).run_all_now()

    def _some(self, job: Job[..., Any] | str | None, queue: str | None) -> LaterJobs:
        if job is None and queue is None:
            raise TypeError("give job or queue; app.later() stands for all that are to run later")
        return self.later(job, queue=queue)

    def where(self, job_id: str, *, queue: str | None = None) -> Place:
        """Where a job is: "later", "parked" since a limit is full, "running", "waiting" or "gone".

        It is looked for in one queue or, without a name, in all, which are read until it is found. "running" is one
        that a worker holds, though its threads may still be busy. Before it is "gone" everything is looked at twice:
        a job may go where was looked already while the rest is looked at.
        """
        found = self._place(job_id, queue)
        return self._place(job_id, queue) if found == "gone" else found

    def _place(self, job_id: str, queue: str | None) -> Place:
        if self.store.on_later(lambda later: later.get(job_id)) is not None:
            return "later"
        if self.store.on_link(lambda link, keys: Gates(link=link, keys=keys).parked(job_id)) is not None:
            return "parked"
        names = self.queues() if queue is None else [queue]
        if any(self._waits(name, job_id) for name in names):
            return "waiting"
        # In the order in which jobs go on: so one that is taken meanwhile is seen where it goes.
        overview = self.store.books.overview
        if overview.holder(job_id) is not None or self._running(job_id):  # the latter for Ruby's workers
            return "running"
        return "waiting" if queue is None and overview.suspect_of(job_id) is not None else "gone"

    def cancel(self, job_id: str, *, queue: str | None = None) -> Place:
        """Take a job away, and say where it was.

        "later", "parked" and, with `queue`, "waiting": it will not run. "running": its worker is asked to kill
        it. "gone": it has ended, or waits in a queue that was not named.
        """
        if self.store.on_later(lambda later: later.cancel([job_id])):
            return "later"
        if self.store.on_link(lambda link, keys: Gates(link=link, keys=keys).cancel([job_id])):
            return "parked"
        if queue is not None and self.store.books.queues.delete(queue, _has_id(job_id)):
            return "waiting"
        running = self._running(job_id)
        for thread in running:
            thread.kill()
        return "running" if running else "gone"

    def reschedule(
        self, job_id: str, *, delay: float | timedelta | None = None, at: datetime | None = None
    ) -> bool:
        """Let a job that is to run later be due in `delay` seconds, or at a moment; whether it was there."""
        moment = _moment(delay, at)
        return self.store.on_later(lambda later: later.move([job_id], moment)) == 1

    def run_now(self, job_id: str) -> bool:
        """Move a job that is to run later to the front of its queue; whether it was there.

        Errors: StoreError where its queue refuses it; then it stays.
        """
        if self.store.on_later(lambda later: later.run_now([job_id])):
            return True
        if self.store.on_later(lambda later: later.get(job_id)) is not None:
            raise StoreError(f"the queue of job {job_id} does not take it: its key is no list")
        return False

    def _running(self, job_id: str) -> list[WorkerThreadStatus]:
        return [thread for thread in self.workers.threads_working() if thread.payload.get("id") == job_id]

    def _waits(self, queue: str, job_id: str) -> bool:
        return self.store.books.queues.find(queue, _has_id(job_id)) is not None


def _moment(delay: float | timedelta | None, moment: datetime | None) -> Any:
    if (delay is None) == (moment is None):
        raise TypeError("give delay or at")
    return after(delay) if delay is not None else at(moment)  # type: ignore[arg-type] # one of them is given


def _has_id(job_id: str) -> Callable[[bytes], bool]:
    """A test for a payload of that id; most are told apart without being decoded."""
    needle = job_id.encode("utf-8", "surrogateescape")
    return lambda raw: needle in raw and decode_or_explain(raw).id == job_id


def _shown(waiting: Waiting) -> LaterJob:
    return LaterJob(waiting.ticket, waiting.due, waiting.queue, decode_or_explain(waiting.raw))
