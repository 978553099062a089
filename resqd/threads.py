"""Threads and processes as `top -H`, `htop` and `ps` show them, and the descriptor that ends a thread's sleep."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable

from setproctitle import setproctitle, setthreadtitle

from resqd.text import escaped


class NamedThread(threading.Thread):
    """A daemon thread: the process leaves by os._exit, and a thread that is stuck in C must not hold it.

    Python tells the kernel a thread's name from 3.14 on; before that it is done here.
    """

    def __init__(self, *, name: str, target: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = target

    def run(self) -> None:
        """Show the name, then do the work."""
        setthreadtitle(self.name)
        self._work()


class Title:
    """A worker's title: written with each report, and by the job thread that begins a job while it names none.

    That job may hold the GIL, and then nobody else gets to write. Job threads do so only while the
    title is `idle`, that is at the most once for each report.
    """

    def __init__(
        self,
        *,
        write: Callable[[str], object] = setproctitle,
        rename: Callable[[str], object] = setthreadtitle,
    ) -> None:
        self.idle = False
        self._head = ""
        self._text = ""
        self._show = write
        self._rename = rename

    def show(self, head: str, activity: str, *, idle: bool) -> None:
        """Show what is known now. Once `idle` stands, look at the threads again: one may have begun just before."""
        self._head = head
        self._write(f"{head} {activity}")
        self.idle = idle

    def began(self, job_class: str, *, thread: str) -> None:
        """Name a job that begins on the calling thread. A title renames that too: it is called `thread` again."""
        self.idle = False
        self._write(f"{self._head} Processing: {job_class}")
        self._rename(thread)

    def _write(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self._show(escaped(text))


class Wake:
    """An event descriptor that ends one thread's sleep.

    The sleeper sets `armed` when the very next outcome matters; job threads look at it after each job. Two
    threads may both ring: harmless, the counter is read as one.
    """

    __slots__ = ("_rung", "armed", "descriptor")

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.armed = False
        self._rung = False

    def ring(self) -> None:
        """End the sleep, or the next one. Rings until the sleeper wakes cost one write: each gives up the GIL."""
        self.armed = False
        if not self._rung:
            self._rung = True
            os.eventfd_write(self.descriptor, 1)

    def ring_anew(self) -> None:
        """Ring though somebody may have rung already: an exception may have struck that thread before the write."""
        self.armed = False
        os.eventfd_write(self.descriptor, 1)

    def clear(self) -> None:
        """Forget the rings so far; the sleeper looks at everything after this.

        The counter is read before the flag falls: a thread that rings in between is not heard, but it has
        done before what it rings for. The other way round its ring would be read away with the flag
        still up, and no later one would ever be written.
        """
        with contextlib.suppress(BlockingIOError):  # a spurious look: nobody has rung
            os.eventfd_read(self.descriptor)
        self._rung = False
