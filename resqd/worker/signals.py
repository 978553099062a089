"""The signals of a worker: most are its master's words, and what goes to the whole group is not for it."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Iterator

from resqd.wire.intent import SIGNALS, Command, Ending

IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE)
"""What a terminal or a supervisor sends to the whole group reaches children through the master only."""


class Signals:
    """Signals as they come. A handler notes its signal, and Python makes `descriptor` readable; nothing more."""

    def __init__(self, term: str = "stop") -> None:
        self.descriptor, self.wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._received: deque[int] = deque()
        self._ending = Ending(term)

    @property
    def descriptors(self) -> tuple[int, int]:
        """What it needs to be open."""
        return self.descriptor, self.wakeup

    def start(self) -> None:
        """Let them come; called by the main thread."""
        signal.set_wakeup_fd(self.wakeup, warn_on_full_buffer=False)
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        for number in SIGNALS:
            signal.signal(number, lambda received, _frame: self._received.append(received))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*SIGNALS, *IGNORED, signal.SIGCHLD})

    def take(self) -> Iterator[tuple[signal.Signals, Command]]:
        """Those that have come, in order, and what each asks for."""
        while self._received:
            number = signal.Signals(self._received.popleft())
            yield number, self._ending.command() if number is signal.SIGTERM else SIGNALS[number]
