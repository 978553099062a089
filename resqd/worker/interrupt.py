"""Stopping a job: an exception raised in its thread and in nothing else, and again. The only ctypes of resqd."""

from __future__ import annotations

import ctypes
import time
from typing import TYPE_CHECKING, Protocol

from resqd.cursors import Notes
from resqd.errors import JobInterrupt

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
