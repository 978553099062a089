"""The worker's side of isolated jobs: what is said of a process, and how one is stopped."""

import os
import signal
import socket

import pytest

from resqd.worker.isolation.isolation import Deputy, epitaph
from resqd.worker.isolation.line import LATE, SPARED, Line


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (3, "Job's process ended itself with status 3"),
        (-11, "Job's process was killed by SIGSEGV"),
        (-9, "Job's process was killed by SIGKILL, as the kernel does where memory runs out"),
        (-99, "Job's process was killed by signal 99"),
        (None, "Job's process was killed with the one that had forked it"),
    ],
)
def test_what_a_record_says_of_a_process(status: int | None, said: str) -> None:
    """In one line."""
    assert epitaph(status) == said


def test_a_strike_that_comes_too_early_is_carried_out_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters first, then the signal; the second one kills, whatever the first has done."""
    sent: list[signal.Signals] = []
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda _fd, number: sent.append(number))
    ours, theirs = map(Line, socket.socketpair())
    deputy = Deputy(ours, lambda: True)
    deputy.strike(1, late=True)
    assert (sent, theirs.letters()) == ([], b"")
    deputy.descriptors.append(os.dup(ours.socket.fileno()))
    deputy.carry_out()
    assert (sent, theirs.letters()) == ([signal.SIGTERM], SPARED + LATE)
    deputy.strike(2, late=True)
    assert sent[1:] == [signal.SIGKILL]
    deputy.close(kill=False)
    deputy.strike(2, late=True)
    assert len(sent) == 2
    ours.close()
    theirs.close()
