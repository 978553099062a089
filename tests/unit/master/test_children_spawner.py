"""Forking where the system has no room for a child."""

import errno
import os
import signal

import pytest

from resqd.clock import monotonic
from resqd.master import signals
from resqd.master.children import Spawner
from resqd.master.plan import Fork
from resqd.wire.birth import Kind
from resqd.wire.doorbell import Bells
from resqd.wire.intent import Intent


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM])
def test_a_fork_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """No descriptor, no blocked signal: the next try may do better."""

    def fork() -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fork", fork)
    spawner = Spawner(entries={}, epoch="e", bells=Bells(), threads=2, descriptors=(), clock=monotonic)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=os.strerror(number)):
        spawner.spawn(Fork(Kind.WORKER, 0, 2), fork=1, state=Intent.RUNNING, pace=0.0)
    assert os.listdir("/proc/self/fd") == before
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(signals.HANDLED)
