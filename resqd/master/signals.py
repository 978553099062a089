"""The master's signals: a handler only appends and wakes; the loop does the rest."""

from __future__ import annotations

import os
import signal
from collections import deque
from types import FrameType

HANDLED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCONT,
    signal.SIGHUP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGCHLD,
)


class Signals:
    """A queue of received signals, and a descriptor that is readable when there may be some.

    Python's wake-up descriptor is written by the C handler at once, so a signal that comes just
    before the selector sleeps still ends the sleep.
    """

    def __init__(self) -> None:
        self._queue: deque[signal.Signals] = deque()
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    @property
    def busy(self) -> bool:
        """Whether signals wait to be taken."""
        return bool(self._queue)

    def fileno(self) -> int:
        """The descriptor for the selector."""
        return self._read

    def descriptors(self) -> list[int]:
        """What a forked child must close."""
        return [self._read, self._write]

    def install(self) -> None:
        """Take over the signals, also from handlers that the application's import left."""
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, self._enqueue)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)  # a reload blocks them until these handlers stand

    def leave(self) -> None:
        """Hear nothing more. Python puts the default handlers back as it ends, and one more TERM would kill then."""
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)

    def take(self) -> list[signal.Signals]:
        """The signals since the last call, in order of their arrival."""
        try:
            while os.read(self._read, 4096):
                pass
        except BlockingIOError:
            pass  # the pipe is empty now
        taken = []
        while self._queue:
            taken.append(self._queue.popleft())
        return taken

    def _enqueue(self, number: int, _frame: FrameType | None) -> None:
        self._queue.append(signal.Signals(number))


def reset() -> None:
    """In a forked child: drop the master's wake-up descriptor, and what it does when its own children end.

    All other signals are blocked here until the child has set handlers of its own.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
