"""Looking at processes from outside: who is alive, who is whose child."""

import contextlib
import ctypes
import os
import signal
from pathlib import Path

import psutil

from tests.support.waiting import wait_for

_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Make orphans of our descendants our children, so that none can hide by losing its parent."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def children_of_ours() -> set[int]:
    """The pids of our direct children, adopted ones and zombies too."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # the thread ended meanwhile
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def title(process: psutil.Process) -> str:
    """What `ps` shows of the process; nothing once it is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def tree(pid: int) -> list[psutil.Process]:
    """The process and all of its living descendants; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [one for one in [root, *root.children(recursive=True)] if alive(one.pid)]
    except psutil.NoSuchProcess:
        return []


def reap(pids: set[int]) -> set[int]:
    """Collect those children that have ended; returns those that have not."""
    left = set()
    for pid in pids:
        with contextlib.suppress(ChildProcessError):  # somebody else has collected it
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                left.add(pid)
    return left


def expect_none_left(before: set[int], seconds: float) -> None:
    """Wait until every child that is not in `before` has ended; else kill them and fail, naming them."""
    try:
        wait_for(lambda: not reap(children_of_ours() - before), seconds, what="children ended")
    except AssertionError:
        left = [one for pid in children_of_ours() - before for one in tree(pid)]
        names = [f"{one.pid} {title(one)}" for one in left]
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        wait_for(lambda: not reap(children_of_ours() - before), 10, what="killed children ended")
        raise AssertionError(f"left behind: {names}") from None
