"""Finding out which children have died, without taking the exits of children that are not ours."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: an exit status, or the signal that killed it."""

    pid: int
    status: int | None
    signal: int | None

    def __str__(self) -> str:
        if self.signal is None:
            return f"exited with status {self.status}"
        try:
            return f"was killed by {signal.Signals(self.signal).name}"
        except ValueError:
            return f"was killed by signal {self.signal}"


def reap(pids: Iterable[int]) -> list[Exit]:
    """The ends of those of our children `pids` that are dead. Only these are waited for.

    A wait for any child would also take the exits of processes that the application started in
    this process, and whoever waits for those would wait forever.
    """
    return [end for pid in pids if (end := _wait(pid)) is not None]


def _wait(pid: int) -> Exit | None:
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return Exit(pid, status=None, signal=None)  # somebody else reaped it; that it is dead is all we know
    if found == 0:
        return None
    if os.WIFSIGNALED(status):
        return Exit(pid, status=None, signal=os.WTERMSIG(status))
    return Exit(pid, status=os.waitstatus_to_exitcode(status), signal=None)
