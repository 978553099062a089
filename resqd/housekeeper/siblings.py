"""The workers of this daemon after their master's death: found by the memory that they share, ended when they stay."""

from __future__ import annotations

import logging
import os
import select
import signal
from pathlib import Path

from resqd.clock import Clock, Deadline
from resqd.wire.bell import Bell

_log = logging.getLogger(__name__)

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
                _kill(pidfd, pid)
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


def _kill(pidfd: int, pid: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has just ended
    except OSError as error:
        _log.error("cannot kill the orphan of pid %d: %s", pid, error.strerror)
    else:
        _log.warning("killed the worker of pid %d: its master is gone, and it did not leave", pid)
