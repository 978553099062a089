"""Workers of this machine whose master and housekeeper are gone: nobody ends them, so whoever recovers does."""

from __future__ import annotations

import logging
import os
import select
import signal

from resqd.clock import Clock
from resqd.store.incarnation import Incarnation, gone, is_foreign, orphaned

_log = logging.getLogger(__name__)

DYING_MS = 200
"""Milliseconds to wait for a killed process here; one that takes longer is asked for again at the next look."""


class Orphans:
    """Says whose jobs may run again here. `grace` is how many seconds an orphan may take to leave by itself."""

    def __init__(self, *, grace: float, clock: Clock) -> None:
        self._grace = grace
        self._clock = clock
        self._seen: dict[str, float] = {}
        self._protected: set[str] = set()

    def ended(self, incarnation: Incarnation) -> bool:
        """Whether its process can run nothing any more; an orphan is killed once its grace is over.

        False for a foreign one, of which nothing is known here, and for one that its master still steers.
        """
        if is_foreign(incarnation):
            return False
        if gone(incarnation):
            self._seen.pop(incarnation.id, None)
            return True
        return self._overdue(incarnation) and self._end(incarnation)

    def lingers(self, incarnation: Incarnation) -> bool:
        """Whether it is an orphan that has not ended yet, so that its jobs must wait."""
        return not is_foreign(incarnation) and orphaned(incarnation) and not self.ended(incarnation)

    def _overdue(self, incarnation: Incarnation) -> bool:
        if not orphaned(incarnation):
            return False
        now = self._clock()
        return now - self._seen.setdefault(incarnation.id, now) >= self._grace

    def _end(self, incarnation: Incarnation) -> bool:
        """Kill a process; whether it is gone. What cannot be killed is said once, and its jobs wait for its end."""
        try:
            _kill(incarnation)
        except ProcessLookupError:
            return True
        except OSError as error:
            if incarnation.id not in self._protected:
                self._protected.add(incarnation.id)
                _log.error("cannot kill the orphan of pid %d: %s", incarnation.pid, error.strerror)
        return gone(incarnation)


def _kill(incarnation: Incarnation) -> None:
    """Errors: OSError. Opened before the last look, the descriptor is of no other process that got the pid."""
    pidfd = os.pidfd_open(incarnation.pid)
    try:
        if not gone(incarnation):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            _log.warning(
                "killed the worker of pid %d: its master is gone, and it did not leave", incarnation.pid
            )
            _wait(pidfd)
    finally:
        os.close(pidfd)


def _wait(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll(DYING_MS)
