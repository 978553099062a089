"""What a job may ask about itself: a view of the job that runs in the calling thread."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from resqd.errors import DirtyExit, JobInterrupt, JobTimeout, ResqdError
from resqd.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from resqd.limits import Limit
    from resqd.store.debts import Debts
    from resqd.store.resque.payload import Payload


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


class TaskSlot(Slot, Protocol):
    """That of an async job, which others follow in other tasks."""

    @property
    def token(self) -> int:
        """Which job is in it."""


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
    def owes(self) -> Debts:
        """What resqd has to settle when it ends, such as its place in a batch."""
        return self._payload.marks.debts if self._payload.marks else ()

    @property
    def cancelled(self) -> bool:
        """Whether this job has been asked to stop; True as well once its thread has left the job."""
        return self._slot.payload is not self._payload or self._slot.cancelled


@dataclass(slots=True)
class Here:
    """The slot of a job whose code runs in a thread that is no worker's job thread; nobody cancels it."""

    payload: Payload | None
    queue: str
    cancelled: bool = False
    late: bool = False
    deadline: float | None = None
    doors: Doors | None = None


in_task: ContextVar[tuple[TaskSlot, int] | None] = ContextVar("in_task", default=None)
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
    slot = _bound.slot
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


def named_in_log() -> dict[str, str]:
    """The id, class and queue of the job that runs in this thread, short and printable; nothing outside of one."""
    slot = _slot_here()
    payload = slot.payload if slot is not None else None
    if slot is None or payload is None:
        return {}
    return {"job": shown(payload.id or ""), "class": shown(payload.job_class), "queue": shown(slot.queue)}
