"""In the doorbell's place where the server does not let us listen: one process asks for all idle workers of the host.

Managed servers refuse tracking, and some bill each command; without this every worker would ask at every INTERVAL.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Final

from resqd.clock import Clock
from resqd.store.resque.served import Served
from resqd.wire.doorbell import Bell

RARELY: Final = 0.4
"""Seconds between two questions to which a daemon without work slows down; a longer INTERVAL stays as it is."""
SLOWER: Final = 1.1
"""By how much a vain question lengthens the pause before the next."""
IN_VAIN: Final = 1.0
"""Seconds to leave fetchers alone that were rung and found nothing: the jobs there are paused, or over a limit."""
NAMES_EVERY: Final = 1.0
"""Seconds for which the set of queues is believed."""


class Pause:
    """How long to wait before the next question: `interval` after work, longer and longer without."""

    def __init__(self, interval: float) -> None:
        self._least = interval
        self._most = max(interval, RARELY)
        self.seconds = interval

    def asked(self, *, found: bool) -> None:
        """Note what the last question brought."""
        self.seconds = self._least if found else min(self._most, self.seconds * SLOWER)


class StandIn:
    """Rings for jobs that it sees. Owned by the doorbell's thread; `leave` is readable once that is to end.

    A question is about what is there, not about what is new, so a push between a fetcher's last look and its
    sleep is found by the next one.
    """

    def __init__(
        self, *, bell: Bell, served: Served, close: Callable[[], object], interval: float, clock: Clock
    ) -> None:
        self._bell = bell
        self._served = served
        self._close = close
        self._pause = Pause(interval)
        self._clock = clock
        self._names: list[str] = []
        self._read_at = float("-inf")

    def run(self, leave: int, seconds: float) -> None:
        """Ask for so many seconds. Errors: StoreError."""
        end = self._clock() + seconds
        poll = select.poll()
        poll.register(leave, select.POLLIN)
        sleeping = select.poll()
        sleeping.register(leave, select.POLLIN)
        sleeping.register(self._bell.wanted, select.POLLIN)
        try:
            while (left := end - self._clock()) > 0:
                waits = self.turn()
                ready = (sleeping if waits is None else poll).poll(min(left, waits or left) * 1000)
                if any(descriptor == leave for descriptor, _ in ready):
                    return
        finally:
            self._close()

    def turn(self) -> float | None:
        """Ask, where somebody waits: the seconds until the next turn; None: nobody waits. Errors: StoreError."""
        vain = self._bell.asked().vain > 0
        if not self._bell.any_idle():
            self._bell.vouch()
            return None
        found = self._look()
        self._bell.vouch()
        self._pause.asked(found=found)
        if not found:
            return self._pause.seconds
        if vain:
            return IN_VAIN
        if not self._bell.pending:
            self._bell.ring()
        return self._pause.seconds

    def _look(self) -> bool:
        now = self._clock()
        if now - self._read_at >= NAMES_EVERY:
            self._names, self._read_at = self._served.names(), now
        return bool(self._names) and self._served.any_job(self._names)
