"""What the control thread lets the fetcher do, and what the fetcher tells it: two small shared objects."""

from __future__ import annotations

import contextlib
import os
from enum import Enum


class Mandate(Enum):
    """The fetcher's orders."""

    RESERVE = "reserve"
    HOLD = "hold"  # reserve nothing, return what has not started
    LEAVE = "leave"  # hold, and end when nothing runs any more
    ABANDON = "abandon"  # leave what runs in flight, and end now: it is recovered when the process is gone


class Wake:
    """An event descriptor that ends the fetcher's sleep.

    `armed` is set by the fetcher when the very next outcome matters; job threads look at it after
    each job. Two threads may both ring: harmless, the counter is read as one.
    """

    __slots__ = ("_rung", "armed", "descriptor")

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.armed = False
        self._rung = False

    def ring(self) -> None:
        """End the sleep, or the next one. Rings until the fetcher wakes cost one write: each gives up the GIL."""
        self.armed = False
        if not self._rung:
            self._rung = True
            os.eventfd_write(self.descriptor, 1)

    def ring_anew(self) -> None:
        """Ring though somebody may have rung already: an exception may have struck him before the write."""
        self.armed = False
        os.eventfd_write(self.descriptor, 1)

    def clear(self) -> None:
        """Forget the rings so far; the fetcher looks at everything after this.

        The counter is read before the flag falls: a thread that rings in between is not heard, but it has
        done before what it rings for. The other way round its ring would be read away with the flag
        still up, and no later one would ever be written.
        """
        with contextlib.suppress(BlockingIOError):  # a spurious look: nobody has rung
            os.eventfd_read(self.descriptor)
        self._rung = False
