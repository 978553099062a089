"""Workers that outlive their master: ended after their grace, by its housekeeper or by the next daemon."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

from resqd import events
from resqd.clock import Clock, Deadline
from resqd.store.inflight.incarnation import Incarnation, gone, is_foreign, orphaned
from resqd.wire.doorbell import Bell

MARGIN = 3.0
"""Seconds past KILL_GRACE after which an orphan is killed; one that hears of the master's end gives up 2 s past it."""
DYING = 2.0
"""Seconds that killed processes may take to be gone."""
REPARENTED = 1.0
"""Seconds that the kernel may take from the end of the master's channel to that of its process."""
_PAGE = "/memfd:resqd-page "


class Siblings:
    """Knows the workers by what no other process has: a map of their master's bell, and one of a page.

    So it must be told of no fork, and none is missed that the master made just before it died. A pid alone is never
    signalled: a descriptor of the process is opened first, and then it is looked at. What jobs have forked has no
    bell and is no worker.
    """

    def __init__(self, *, bell: Bell, master_pid: int, clock: Clock) -> None:
        found = os.fstat(bell.descriptors[2])
        self._bell = f" {os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x} {found.st_ino} "
        self._master_pid = master_pid
        self._clock = clock

    def orphaned(self) -> bool:
        """Whether the master has ended, and not only the channel to it."""
        deadline = Deadline.after(REPARENTED, self._clock)
        while os.getppid() == self._master_pid:
            if deadline.expired():
                return False
            select.select([], [], [], 0.01)
        return True

    def outlive(self, grace: float) -> bool:
        """Wait until all workers have ended; those that live after `grace` seconds are killed. Whether all are gone.

        One whose job holds the GIL never sees the end of its channel, nor does one that is stopped.
        """
        living = self._find()
        try:
            self._wait(living, grace)
            for pidfd, pid in living.items():
                _kill_sibling(pidfd, pid)
            self._wait(living, DYING)
            return not living
        finally:
            for pidfd in living:
                os.close(pidfd)

    def _wait(self, living: dict[int, int], seconds: float) -> None:
        """Take those off that end within so many seconds."""
        deadline = Deadline.after(seconds, self._clock)
        poll = select.poll()
        for pidfd in living:
            poll.register(pidfd, select.POLLIN)
        while living:
            for pidfd, _ in poll.poll(max(0, round(1000 * deadline.remaining()))):
                poll.unregister(pidfd)
                os.close(pidfd)
                del living[pidfd]
            if deadline.expired():
                return

    def _find(self) -> dict[int, int]:
        """The living workers: a descriptor of each process, and its pid."""
        found = {}
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid() and (pidfd := self._open(int(name))) is not None:
                found[pidfd] = int(name)
        return found

    def _open(self, pid: int) -> int | None:
        """A descriptor of the process, if it is a worker. Opened before the look, it is of what was looked at."""
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return None  # it has ended, or is a thread
        try:
            maps = Path(f"/proc/{pid}/maps").read_text(errors="replace")
        except OSError:
            maps = ""  # it has ended, or is another user's
        if self._bell in maps and _PAGE in maps:
            return pidfd
        os.close(pidfd)
        return None


def _kill_sibling(pidfd: int, pid: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has just ended
    except OSError as error:
        events.Housekeeper.orphan_not_killed(pid=pid, error=error.strerror)
    else:
        events.Housekeeper.orphan_killed(pid=pid)


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
                events.Housekeeper.orphan_not_killed(pid=incarnation.pid, error=error.strerror)
        return gone(incarnation)


def _kill(incarnation: Incarnation) -> None:
    """Errors: OSError. Opened before the last look, the descriptor is of no other process that got the pid."""
    pidfd = os.pidfd_open(incarnation.pid)
    try:
        if not gone(incarnation):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            events.Housekeeper.orphan_killed(pid=incarnation.pid)
            _wait(pidfd)
    finally:
        os.close(pidfd)


def _wait(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll(DYING_MS)
