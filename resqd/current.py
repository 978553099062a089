"""What a job may ask about itself: a view of the job that runs in the calling thread."""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from resqd import cursors
from resqd.cursors import Journal, Notes, Progress
from resqd.errors import DirtyExit, JobInterrupt, JobTimeout, ResqdError
from resqd.store.resque import payload as payloads
from resqd.text import shown

if TYPE_CHECKING:
    from resqd.limits import Limit
    from resqd.store.debts import Debts
    from resqd.store.resque.payload import Payload


T = TypeVar("T")


class Doorman(Protocol):
    """Lets one block of a running job's code hold a limit."""

    def ask(self) -> float | None:
        """None: the block holds it; else in how many seconds to ask again at the latest. Raises what ends the wait."""

    def wait(self, seconds: float) -> None:
        """Wait so long, or until it may be held."""

    def leave(self) -> None:
        """The block ends, or waits no longer. Raises nothing."""


class Doors(Protocol):
    """The limits that blocks of running jobs' code may hold."""

    def doorman(self, slot: Any, name: str, rule: Limit | None, within: Iterable[Doorman]) -> Doorman | None:
        """For a block of the job in a slot; None where that, or a block that this one is `within`, holds it already."""


class Slot(Protocol):
    """One job thread's place: the worker sets these for each job, `cancelled` from its control thread."""

    @property
    def payload(self) -> Payload | None:
        """The job that runs now, or None between jobs."""

    @property
    def token(self) -> int:
        """Which job is in it."""

    @property
    def journal(self) -> Journal:
        """Where the job says how far it is."""

    @property
    def queue(self) -> str:
        """The queue that the job came from."""

    @property
    def cancelled(self) -> bool:
        """Whether the job has been asked to stop."""

    @property
    def late(self) -> bool:
        """Whether that was because its time is over."""

    @property
    def deadline(self) -> float | None:
        """When the job will be stopped, in seconds of the system's monotonic clock; None: never."""

    @property
    def doors(self) -> Doors | None:
        """The limits that blocks of the job's code may hold; None where nobody counts them."""


@dataclass(frozen=True, slots=True)
class CurrentJob:
    """A running job as it sees itself; `cancelled` is read anew each time, for long jobs to look at."""

    id: str | None
    job_class: str
    queue: str
    args: list[Any]
    generation: int
    deliveries: int
    attempt: int
    """The number of this try, from 1; a lost process counts as none."""
    enqueued_at: float | None
    """When its producer put it on the queue, in seconds since 1970; None where it does not say."""
    deadline: float | None
    """When its time will be over, in seconds of `time.monotonic()`; None: it has no timeout."""
    _payload: Payload
    _slot: Slot

    @property
    def payload(self) -> dict[str, Any]:
        """All that stands in Redis of it, decoded anew: a producer may have written more than resqd reads."""
        found: dict[str, Any] = payloads.load(self._payload.raw)
        return found

    @property
    def owes(self) -> Debts:
        """What resqd has to settle when it ends, such as its place in a batch."""
        return self._payload.marks.debts if self._payload.marks else ()

    @property
    def cancelled(self) -> bool:
        """Whether this job has been asked to stop; True as well once its thread has left the job."""
        return self._ended or self._slot.cancelled

    @property
    def _ended(self) -> bool:
        return self._slot.payload is not self._payload

    @property
    def leaving(self) -> bool:
        """Whether the daemon ends, or takes no jobs: a job with a cursor can go on elsewhere, see `iterate`."""
        return not self._ended and self._slot.journal.leaving

    @property
    def cursor(self) -> Any:
        """What was given to `checkpoint` last, in this run or one before it that did not come to its end; else None."""
        kept = b"" if self._ended else self._slot.journal.cursor(self._slot.token)
        return cursors.read(kept or (self._payload.marks.cursor if self._payload.marks else b""))

    def checkpoint(self, cursor: object) -> None:
        """Say how far the job has come, in JSON or bytes of at most 64 KiB: from there it goes on, as `cursor`.

        It travels with the job through a retry, a drain, a kill or a crash, is in Redis within milliseconds of the
        call, and shows that a process that is lost later was not lost for nothing. Raises TypeError and ValueError.
        """
        text = cursors.write(cursor)
        if not self._ended:
            self._slot.journal.keep(self._slot.token, text)

    def progress(self, done: float, total: float = 0, note: str = "") -> None:
        """Show how far the job is, in the status and on pages; without `total` only how much it has done.

        Calls cost next to nothing: the last one is shown, every second. Raises ValueError for what is no number.
        """
        told = Progress(float(done), float(total), str(note))
        if not (math.isfinite(told.done) and math.isfinite(told.total)):
            raise ValueError(f"progress({done!r}, {total!r}): it takes numbers")
        if not self._ended:
            self._slot.journal.tell(self._slot.token, told)

    @overload
    def iterate(self, rows: Iterable[T], *, key: Callable[[T], object] | None = None) -> Iterator[T]: ...
    @overload
    def iterate(
        self, rows: AsyncIterable[T], *, key: Callable[[T], object] | None = None
    ) -> AsyncIterator[T]: ...
    def iterate(
        self, rows: Iterable[T] | AsyncIterable[T], *, key: Callable[[T], object] | None = None
    ) -> Iterator[T] | AsyncIterator[T]:
        """The rows one by one, with a checkpoint behind those that are done, once a second at the most.

        `key` gives a row's cursor: select the rows that come behind `cursor`. Without it the rows are counted, and
        those that were done before are passed over. When the daemon ends, or takes no jobs, the walk ends after a
        row (Handover), and the job goes back to its queue uncharged.
        """
        if isinstance(rows, AsyncIterable):
            return cursors.walk_async(rows, self, key)
        return cursors.walk(rows, self, key)


@dataclass(slots=True)
class Here:
    """The slot of a job whose code runs in a thread that is no worker's job thread; nobody cancels it."""

    payload: Payload | None
    queue: str
    cancelled: bool = False
    late: bool = False
    deadline: float | None = None
    doors: Doors | None = None
    token: int = 0
    journal: Notes = field(default_factory=Notes)


in_task: ContextVar[tuple[Slot, int] | None] = ContextVar("in_task", default=None)
"""The slot of the async job that this task is, or belongs to, and its token there: the slot has other jobs later."""


class _Bound(threading.local):
    slot: Slot | None = None


_bound = _Bound()


def bind_thread(slot: Slot | None) -> None:
    """Say, once for each job thread, where its running job is found; None unbinds."""
    _bound.slot = slot


def bound_slot() -> Slot | None:
    """The slot bound to this thread, so that a nested inline run can put it back."""
    return _bound.slot


def as_recorded(error: BaseException) -> BaseException:
    """What the failure record of this thread's job will say of an error: that it was killed, if it was."""
    slot = _slot_here()
    if isinstance(error, DirtyExit) or not (isinstance(error, JobInterrupt) or (slot and slot.cancelled)):
        return error
    return stopped(slot)


def stopped(slot: Slot | None) -> ResqdError:
    """What is recorded of a job that was stopped from outside."""
    return JobTimeout("Job ran out of time") if slot and slot.late else DirtyExit("Job was killed")


def _slot_here() -> Slot | None:
    task = in_task.get()
    if task is None:
        return _bound.slot
    slot, token = task
    return slot if slot.token == token else None


def current_job() -> CurrentJob | None:
    """The job that runs in this thread, or None outside of one."""
    slot = _slot_here()
    if slot is None:
        return None
    payload = slot.payload
    if payload is None:
        return None
    return CurrentJob(
        id=payload.id,
        job_class=payload.job_class,
        queue=slot.queue,
        args=payload.args,
        generation=payload.generation,
        deliveries=payload.deliveries,
        attempt=(payload.attempts or 0) + 1,
        enqueued_at=payload.enqueued_at,
        deadline=slot.deadline,
        _payload=payload,
        _slot=slot,
    )


def doorman_here(name: str, rule: Limit | None, within: Iterable[Doorman]) -> Doorman | None:
    """Who lets a block of this job hold a limit; None where nothing needs to be held, or no worker runs it."""
    slot = _slot_here()
    if slot is None or slot.payload is None or slot.doors is None:
        return None
    return slot.doors.doorman(slot, name, rule, within)


def named_in_log() -> dict[str, str | int]:
    """The id, class, queue and attempt of the job that runs in this thread, printable; nothing outside of one."""
    slot = _slot_here()
    payload = slot.payload if slot is not None else None
    if slot is None or payload is None:
        return {}
    return {
        "job": shown(payload.id or ""),
        "class": shown(payload.job_class),
        "queue": shown(slot.queue),
        "attempt": (payload.attempts or 0) + 1,
    }
