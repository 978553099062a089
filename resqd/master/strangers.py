"""Zombies that are not ours: as PID 1, or as a subreaper, the master inherits what jobs leave behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Collection
from pathlib import Path

import psutil

PATIENCE = 1.0
"""Seconds that a zombie is left to whoever may have started it in this process: they wait for its exit status."""
_GET_CHILD_SUBREAPER = 37


def adopts() -> bool:
    """Whether orphans of this process's descendants become its children."""
    if os.getpid() == 1:
        return True
    flag = ctypes.c_int(0)
    return ctypes.CDLL(None).prctl(_GET_CHILD_SUBREAPER, ctypes.byref(flag), 0, 0, 0) == 0 and bool(
        flag.value
    )


class Strangers:
    """Reaps zombies that are nobody's. Owned by the master's loop."""

    def __init__(self) -> None:
        self._adopts = adopts()
        self._seen: dict[int, float] = {}

    def reap(self, ours: Collection[int], now: float) -> int:
        """Reap the strangers that have been zombies for PATIENCE, by looks that are some time apart; how many."""
        if not self._adopts or not _any_dead():
            self._seen.clear()
            return 0
        dead = {pid for pid in _children() if pid not in ours and _is_dead(pid)}
        self._seen = {pid: self._seen.get(pid, now) for pid in dead}
        overdue = [pid for pid, since in self._seen.items() if now - since >= PATIENCE]
        for pid in overdue:
            with contextlib.suppress(ChildProcessError):  # whoever started it has waited for it after all
                os.waitpid(pid, os.WNOHANG)
            del self._seen[pid]
        return len(overdue)


def _any_dead() -> bool:
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False  # there are no children at all


def _is_dead(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def _children() -> list[int]:
    """The pids of this process's children, dead ones too. Kernels without the list in proc(5) are searched."""
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return [child.pid for child in psutil.Process().children()]
