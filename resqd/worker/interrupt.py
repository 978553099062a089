"""Stopping a job: an exception raised in its thread, and in nothing else. The only ctypes of resqd."""

from __future__ import annotations

import ctypes
import threading
import time
from typing import TYPE_CHECKING

from resqd.errors import JobInterrupt

if TYPE_CHECKING:
    from resqd.store.payload import Payload

_raise_in_thread = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in_thread.argtypes = (ctypes.c_ulong, ctypes.py_object)
_clear_pending = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)


MOST = 2
"""Interrupts of one job: the second one is for what swallows the first, such as `__del__`."""


class Slot:
    """What one job thread does now; interrupts go through its lock.

    An interrupt must never hit the bookkeeping or a job that started later. So one is raised only
    under the lock, while the slot is `open` and the token matches, and at the most MOST times for one
    job; and the thread ends its job by taking the lock, closing the slot and clearing what is pending,
    inside as many handlers of JobInterrupt as there can be interrupts (`Executor._step`).
    """

    __slots__ = (
        "_lock",
        "cancelled",
        "interrupts",
        "open",
        "payload",
        "queue",
        "since",
        "thread_id",
        "token",
    )

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.thread_id = 0
        self.token = 0
        self.queue = ""
        self.payload: Payload | None = None
        self.since = 0.0
        self.cancelled = False
        self.interrupts = 0
        self.open = False

    def begin(self, token: int, queue: str) -> None:
        """Open the slot for a job. `open` comes last: an interrupter checks both under the lock."""
        self.queue = queue
        self.since = time.monotonic()
        self.cancelled = False
        self.interrupts = 0
        self.token = token
        self.open = True

    def close(self) -> None:
        """Close the slot; until this has returned an interrupt may break into it, and then it must be done again."""
        with self._lock:
            self.open = False
            if self.interrupts:
                _clear_pending(self.thread_id, None)

    def interrupt(self, token: int) -> bool:
        """Ask the job to end and raise JobInterrupt in its thread. False when it no longer runs."""
        with self._lock:
            if not self.open or self.token != token:
                return False
            self.cancelled = True
            if self.interrupts < MOST:
                self.interrupts += 1
                _raise_in_thread(self.thread_id, JobInterrupt)
            return True
