"""Threads that `top -H` and `htop` show by name."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

_LONGEST = 15  # of a task's comm in the kernel, without its closing NUL


class NamedThread(threading.Thread):
    """A daemon thread: the process leaves by os._exit, and a thread that is stuck in C must not hold it.

    Python tells the kernel a thread's name from 3.14 on; before that it is written here.
    """

    def __init__(self, *, name: str, target: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = target

    def run(self) -> None:
        """Show the name, then do the work."""
        with contextlib.suppress(OSError):  # no /proc: the name is for people only
            Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(self.name[:_LONGEST])
        self._work()
