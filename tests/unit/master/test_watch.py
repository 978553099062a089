"""The watch over children that were never forked: what it notes of them, and what it does to them."""

import os
import time
from typing import cast

import pytest

from resqd.master.child import NO_SILENCE, Child, Silence
from resqd.master.fleet import Fleet
from resqd.master.inbox import Inbox
from resqd.master.lock import DaemonLock
from resqd.master.timeouts import Look, silent
from resqd.master.watch import Watch, _look_at_process
from resqd.wire.intent import Intent
from resqd.wire.messages import Ping, Stop
from tests.support.family import child, fleet, tape


class Lock:
    """Takes the place of the daemon's lock."""

    kept = 0

    def keep(self) -> None:
        self.kept += 1


def watch(state: Fleet) -> Watch:
    inbox = Inbox(fleet=state, clock=lambda: 0.0)
    return Watch(fleet=state, inbox=inbox, lock=cast(DaemonLock, Lock()))


def watched(one: Child, *moments: float) -> None:
    """Watch it, with a look at each of these moments."""
    over = watch(fleet(one))
    for now in moments:
        over.tick(now)


def test_a_word_ends_the_silence() -> None:
    """What was noted of it is forgotten."""
    heard = child(1, heard=10.0)
    heard.silence = Silence(cpu=3.0, cpu_since=1.0, pinged_at=9.0, hung="silent for 9 s")
    watched(heard, 12.0)
    assert heard.silence == NO_SILENCE


def test_a_stall_of_the_master_is_nobodys_hang() -> None:
    """After it everybody's silence counts from now."""
    one = child(1)
    watched(one, 1.0, 100.0)
    assert not silent(one, 104.0)
    assert tape(one) == []


def test_a_drain_that_takes_too_long_becomes_a_stop() -> None:
    """The child is told, and has the time of a stop from now on."""
    one = child(1, told=Intent.DRAINING, state=Intent.DRAINING, leave_by=10.0, heard=9.0)
    watched(one, 9.0)
    assert tape(one) == []
    watched(one, 10.0)
    assert tape(one) == [Stop()]
    assert (one.demands.told, one.demands.leave_by) == (Intent.STOPPING, 16.5)


def test_a_silent_child_is_asked_for_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its silence is noted; it is not asked while it speaks."""
    monkeypatch.setattr("resqd.master.watch._look_at_process", lambda _pid: Look(3.0, stopped=False))
    one = child(1)
    watched(one, 4.0, 5.0, 6.0)
    assert tape(one) == [Ping(), Ping()]
    assert one.silence == Silence(cpu=3.0, cpu_since=0.0, pinged_at=5.0, hung="silent for 6 s")


def test_the_kernel_says_how_long_a_process_has_worked() -> None:
    """As the process knows it of itself, to a few of the kernel's ticks; of a pid that nobody has, nothing."""
    while time.process_time() < 0.1:
        pass
    look = _look_at_process(os.getpid())
    assert look is not None
    assert abs(look.cpu_seconds - time.process_time()) < 0.05
    assert not look.stopped
    assert _look_at_process(2**22 + 1) is None
