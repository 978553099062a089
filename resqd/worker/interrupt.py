"""Stopping a job: an exception raised in its thread and in nothing else, and again. The only ctypes of resqd."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from resqd.cursors import Notes
from resqd.errors import JobInterrupt
from resqd.text import id_fault, shown

if TYPE_CHECKING:
    from resqd.current import Doors
    from resqd.cursors import Journal
    from resqd.store.resque.payload import Payload
    from resqd.worker.holdings import Outcome


_raise_in_thread = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in_thread.argtypes = (ctypes.c_ulong, ctypes.py_object)
_clear_pending = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)


MOST = 2
"""Interrupts of one job: the second one is for what swallows the first, such as `__del__`."""


class Deputy(Protocol):
    """A process that runs a job for a thread."""

    @property
    def begun(self) -> bool:
        """Whether the job's code has begun."""

    def strike(self, time: int, *, late: bool) -> None:
        """Interrupt the job, the first time; kill its process the second time. `late`: its time is over."""


class Slot:
    """What one job thread does now; interrupts go through it.

    An interrupt must never hit the bookkeeping or a job that started later. So one is raised only while the
    slot is `open` and the token matches, and at the most MOST times for one job; and the thread ends its job
    by closing the slot, waiting until nobody is in the midst of raising, and clearing what is pending.

    There is no lock, since an exception may strike this thread between any two instructions, also
    just when it has got a lock and before it knows that it has. Either side sets its own flag before it
    looks at the other's, so one of them always sees the other; and closing can be done again from its
    beginning, however far it came.
    """

    __slots__ = (
        "cancelled",
        "deputy",
        "doors",
        "interrupts",
        "journal",
        "line",
        "open",
        "outcome",
        "overrun",
        "payload",
        "queue",
        "since",
        "striking",
        "thread_id",
        "timed",
        "token",
    )

    def __init__(self) -> None:
        self.thread_id = 0
        self.token = 0
        self.queue = ""
        self.line = b""
        """The queue as the shared page has it."""
        self.journal: Journal = Notes()
        """Where jobs say how far they are; a worker has one for all."""
        self.deputy: Deputy | None = None
        """What runs the job in another process, and is struck in this thread's place."""
        self.outcome: Outcome | None = None
        self.payload: Payload | None = None
        self.since = 0.0
        self.cancelled = False
        self.doors: Doors | None = None
        """The limits that blocks of its jobs' code may hold."""
        self.interrupts = 0
        self.open = False
        self.striking = False
        self.timed = (0, 0.0)
        """The token of the last job that had a timeout, and when that is over, in monotonic seconds."""
        self.overrun = -1
        """The token of the last job that was interrupted because its time was over."""

    @property
    def late(self) -> bool:
        """Whether the job was interrupted because its time was over."""
        return self.overrun == self.token

    @property
    def deadline(self) -> float | None:
        """When the job's time is over; None where it has no timeout."""
        token, moment = self.timed
        return moment if token == self.token else None

    def begin(self, token: int, queue: str) -> None:
        """Open the slot for a job. `open` comes last: an interrupter looks at it first, and at the token after."""
        self.queue = queue
        self.since = time.monotonic()
        self.cancelled = False
        self.interrupts = 0
        self.token = token
        self.open = True

    def close(self) -> None:
        """Close the slot; until this has returned an exception may break into it, and then it must be done again."""
        self.open = False
        while self.striking:
            time.sleep(0)
        if self.interrupts:
            clear_pending(self.thread_id)

    def interrupt(self, token: int, *, late: bool = False) -> bool:
        """Ask the job to end and raise JobInterrupt in its thread. False when it no longer runs.

        `late`: because its time is over, unless it was asked before. For one thread only: two would hide each
        other's `striking`.
        """
        self.striking = True
        try:
            if not self.open or self.token != token:
                return False
            if late and not self.cancelled:
                self.overrun = token
            self.cancelled = True
            if self.interrupts < MOST:
                self.interrupts += 1
                if self.deputy is not None:
                    self.deputy.strike(self.interrupts, late=self.late)
                else:
                    _raise_in_thread(self.thread_id, JobInterrupt)
            return True
        finally:
            self.striking = False


def raise_in_thread(thread_id: int) -> None:
    """Raise JobInterrupt in a thread, whose job may be struck just then: its slot knows."""
    _raise_in_thread(thread_id, JobInterrupt)


def clear_pending(thread_id: int) -> None:
    """Take back what was raised in a thread and has not struck it yet, whoever raised it."""
    _clear_pending(thread_id, None)


class Strikes:
    """The exceptions that were raised in one job thread from outside and struck its bookkeeping."""

    PATIENCE = 8
    """How many may strike one job's bookkeeping before it is tried again but once in a while."""

    def __init__(self) -> None:
        self.strays = 0
        """How many were no interrupts of ours, the last one of the type `stray`."""
        self.stray = ""
        self._error: BaseException | None = None
        self._token = 0
        self._times = 0

    def note(self, error: BaseException, slot: Slot) -> None:
        """Note what struck while the thread was at the job of this slot, or behind it."""
        if not slot.interrupts:
            self.strays += 1
            self.stray = type(error).__name__
        self._error = error
        self._times = self._times + 1 if self._token == slot.token else 1
        self._token = slot.token

    def take(self) -> BaseException | None:
        """The last one, once."""
        error, self._error = self._error, None
        return error

    @property
    def too_many(self) -> bool:
        """Whether one job was struck so often that there is no use in trying again at once."""
        return self._times > self.PATIENCE


@dataclass(frozen=True, slots=True)
class _Again:
    slot: Slot
    token: int
    at: float


class Alarm:
    """Wakes the control thread in time for a job's deadline, without a word where it will look early enough anyway.

    The control thread sets `awake_at` to infinity before it looks at all deadlines, and to the moment when it will
    look again before it sleeps; a job thread has set its deadline before it asks. So one of them sees the other's.
    """

    def __init__(self) -> None:
        self.awake_at = float("inf")
        self.ring: Callable[[], object] = lambda: None

    def set(self, moment: float) -> None:
        """See to it that the control thread looks at deadlines by that moment."""
        if moment < self.awake_at:
            self.ring()


class Ladder:
    """Interrupts jobs by their slots. The second interrupt comes at half of the grace: `__del__` may swallow one."""

    def __init__(
        self,
        *,
        slots: Sequence[Slot],
        grace: float,
        spared: set[int] | None = None,
        alarm: Alarm | None = None,
    ) -> None:
        self.alarm = alarm or Alarm()
        self._slots = slots
        self._spared = set() if spared is None else spared
        self._grace = grace
        self._again: list[_Again] = []
        self._struck: dict[Slot, int] = {}

    def overdue(self, now: float) -> list[tuple[str, int]]:
        """Interrupt the jobs whose time is over; the id and token of each."""
        return [
            struck
            for slot in self._slots
            if (deadline := slot.deadline) is not None
            and now >= deadline
            and (struck := self._strike(slot, slot.timed[0], now, late=True))
        ]

    def kill_all(self, now: float, *, spare: bool = False) -> list[tuple[str, int]]:
        """Interrupt every current job that is not being interrupted already; the id and token of each.

        `spare`: what the interrupt ends goes back to its queue, but for jobs that were to be killed before.
        """
        if spare:
            self._spared.update(slot.token for slot in self._slots if self._struck.get(slot) != slot.token)
        return [struck for slot in self._slots if (struck := self._strike(slot, slot.token, now))]

    def jobs(self) -> str:
        """The current jobs by class and id, for the log."""
        payloads = [slot.payload for slot in self._slots if slot.open]
        return ", ".join(
            f"{shown(one.job_class)} {shown(one.id or '(no id)')}" for one in payloads if one is not None
        )

    def kill(self, job_id: str, now: float) -> int:
        """Interrupt the job of this id, as it is shown; its token, or 0 when it does not run here.

        An id that can be no job's, such as an empty one, names none: not the jobs that have none, nor all.
        """
        wanted = None if id_fault(job_id) else shown(job_id)
        for slot in self._slots:
            token, payload = slot.token, slot.payload  # in this order: a stale token is refused by the slot
            if payload is None or payload.id is None or shown(payload.id) != wanted:
                continue
            if self._strike(slot, token, now) or (slot.open and slot.token == token):
                return token
        return 0

    def kill_token(self, token: int, now: float) -> bool:
        """Interrupt the job with this token; False when it no longer runs here."""
        return any(self._strike(slot, token, now) for slot in self._slots if slot.token == token)

    def tick(self, now: float) -> None:
        """Interrupt again what is due for it."""
        due = [again for again in self._again if now >= again.at]
        self._again = [again for again in self._again if now < again.at]
        for again in due:
            again.slot.interrupt(again.token)

    def next_at(self) -> float | None:
        """When `tick` or `overdue` has something to do."""
        moments = [again.at for again in self._again]
        moments += [
            slot.timed[1]
            for slot in self._slots
            if slot.open and slot.deadline and self._struck.get(slot) != slot.token
        ]
        return min(moments, default=None)

    def _strike(self, slot: Slot, token: int, now: float, *, late: bool = False) -> tuple[str, int] | None:
        payload = slot.payload
        if self._struck.get(slot) == token or not slot.interrupt(token, late=late):
            return None
        self._struck[slot] = token
        self._again.append(_Again(slot, token, now + self._grace / 2))
        return (shown(payload.id) if payload and payload.id else "", token)
