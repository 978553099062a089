"""Reaping: ours are found, strangers left alone, however they ended."""

import os
import signal

from resqd.master.deaths import Exit, reap
from tests.support.waiting import wait_for


def ended(status: int) -> int:
    """The pid of a child that has exited with a status and is a zombie."""
    pid = os.fork()
    if pid == 0:
        os._exit(status)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def test_only_ours_are_reaped() -> None:
    """A child that was not named stays a zombie, for whoever started it."""
    ours, strangers = ended(3), ended(4)
    assert reap([ours]) == [Exit(ours, status=3, signal=None)]
    assert os.waitpid(strangers, 0) == (strangers, 4 << 8)


def test_the_living_are_not_ends() -> None:
    """And what killed them is told once they are dead."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
    assert reap([pid]) == []
    os.kill(pid, signal.SIGKILL)
    (end,) = wait_for(lambda: reap([pid]))
    assert str(end) == "was killed by SIGKILL"


def test_a_child_that_somebody_else_reaped_is_dead() -> None:
    """How it ended is not known."""
    pid = ended(0)
    os.waitpid(pid, 0)
    assert reap([pid]) == [Exit(pid, status=None, signal=None)]
