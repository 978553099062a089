"""Zombies of strangers, reaped where orphans come to the process; the tests' own process is a subreaper."""

import os

from resqd.master.deaths import PATIENCE, Strangers, adopts
from tests.support.processes import children_of_ours


def ended() -> int:
    """The pid of a child that is a zombie."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def test_the_tests_adopt_orphans() -> None:
    """As PID 1 does; else the others here would prove nothing."""
    assert adopts()


def test_a_strangers_zombie_is_reaped_after_a_while() -> None:
    """Not at first sight: whoever started it here may wait for it."""
    ours, stranger, strangers = ended(), ended(), Strangers()
    assert strangers.reap({ours}, 10.0) == 0
    assert strangers.reap({ours}, 10.0 + PATIENCE / 2) == 0
    assert stranger in children_of_ours()
    assert strangers.reap({ours}, 10.0 + PATIENCE) == 1
    assert stranger not in children_of_ours()
    assert os.waitpid(ours, 0) == (ours, 0)


def test_one_that_was_waited_for_is_nothing_to_us() -> None:
    """Its pid may be another's next time."""
    stranger, strangers = ended(), Strangers()
    assert strangers.reap((), 10.0) == 0
    os.waitpid(stranger, 0)
    assert strangers.reap((), 20.0) == 0
    assert strangers._seen == {}
