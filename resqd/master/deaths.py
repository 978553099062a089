"""Finding out which children have died, strangers too, and what a death means for the jobs on the threads."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from resqd.master.child import Child
from resqd.wire.birth import Kind
from resqd.wire.messages import Death


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
        import psutil  # noqa: PLC0415 - 0.7 MB in every process for kernels that are rare

        return [child.pid for child in psutil.Process().children()]


THREADLESS = "threadless"
"""What a worker says that could start no job thread, gave its jobs back and leaves: the next one may fare as ill."""
GOOD_BYES = frozenset({"recycled", "left", "burst", "fenced", "replaced", "stopped", THREADLESS})
"""What a child says at an end after which nothing is left to recover; any other word is an error's text."""
YOUNG = 1.0
"""Seconds: a worker that ends badly before, without any job, would only do the same again at once."""


def in_order(child: Child, end: Exit) -> bool:
    """Whether the child left as it said it would: what it held is settled in Redis, or was recovered already."""
    return child.life.exiting in GOOD_BYES and child.demands.killed_for is None and end.status == 0


def reason(child: Child, end: Exit) -> str:
    """Why it ended, in a word: recycled, drained, stopped, burst, fenced, orphaned, hung, killed or crashed."""
    if child.demands.killed_for is not None:
        return "hung"
    if in_order(child, end):
        return child.life.exiting or "left"
    return "killed" if end.signal is not None else "crashed"


def died_at_boot(child: Child, end: Exit, *, lived: float) -> bool:
    """Whether the child died before it could do anything; forking it again at once would only spin.

    So does a worker that ends with an error of its own, or on probation without its one job, at whatever age.
    """
    if child.life.exiting == THREADLESS:
        return True
    if child.page.running():
        return False  # it was ready, though it may have died before it could say so
    if not child.life.booted:
        return True
    unwanted = child.demands.killed_for is None and not in_order(child, end)
    early = lived < YOUNG or child.kind is Kind.PROBATION
    failed = child.kind is Kind.WORKER and _own_error(child) is not None
    return (early or failed) and not child.account.stats.processed and unwanted


def death(child: Child, end: Exit) -> Death | None:
    """What recovery is to know of the death; None where there is nothing to recover.

    Jobs are blamed for a death that resqd did not cause. Where resqd killed the process, only the
    jobs for whose sake it did so are convicted, and the others go back uncharged.
    """
    if not child.working or in_order(child, end):
        return None
    running = child.page.running()
    convicted = tuple(
        token for token in running if child.demands.killed_for and token in child.demands.killed_for
    )
    return Death(
        fork=child.fork,
        pid=child.pid,
        running=running,
        convicted=convicted,
        blamed=child.demands.killed_for is None and child.life.exiting is None,
        probation=child.kind is Kind.PROBATION,
        late=tuple(token for token in convicted if token in child.demands.late),
        reason=f"{end}: {error}" if (error := _own_error(child)) else str(end),
    )


def _own_error(child: Child) -> str | None:
    """The error of its own that a child ended with, as it said itself."""
    return None if child.life.exiting in GOOD_BYES else child.life.exiting


def epitaph(child: Child, end: Exit, *, lived: float) -> str:
    """The log line: which child, how it ended, after how long, with how many jobs on its threads."""
    if in_order(child, end):
        done = child.account.stats.processed
        return f"{child.label} ended: {child.life.exiting}, after {lived:.1f} s and {done} jobs"
    running = len(child.page.running())
    last_words = f": {child.life.exiting}" if child.life.exiting else ""
    return f"{child.label} {end}{last_words}, after {lived:.1f} s, with {running} jobs on its threads"
