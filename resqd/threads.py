"""Threads that `top -H` and `htop` show by name."""

from __future__ import annotations

import threading
from collections.abc import Callable

from setproctitle import setthreadtitle


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
