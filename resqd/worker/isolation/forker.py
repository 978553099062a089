"""The process that forks others for isolated jobs: it has one thread, so no lock of anybody's is held at a fork.

It is forked by the worker before that has threads, connections or jobs, and ends with it. Its children are its own to
bury: a worker waits for no process, and gets no SIGCHLD.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from resqd.log import flush_streams
from resqd.worker.isolation.line import ENDED, Line

_prctl = ctypes.CDLL(None).prctl
REFUSED = -1000
"""In place of a status: the system has no process left for the job."""
STATUS = struct.Struct("<q")
_PR_SET_PDEATHSIG = 1
_LOST_PARENT = 1


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    line: Line


def die_with(parent: int) -> None:
    """Let the kernel kill this process when the thread that forked it ends, whatever ends that."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before
        os._exit(_LOST_PARENT)


class Forker:
    """Forks one process for each socket that comes along `requests`, and says on that socket how the process ended."""

    def __init__(self, requests: socket.socket, become: Callable[[Line], NoReturn]) -> None:
        self._requests = requests
        self._become = become
        self._children: dict[int, _Child] = {}
        self._poll = select.poll()

    def serve(self) -> None:
        """Until the worker closes its end; what runs then ends with this process."""
        gc.freeze()  # or each child would copy the pages that its first collection looks at
        self._poll.register(self._requests, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor != self._requests.fileno():
                    self._bury(descriptor)
                elif not self._fork():
                    return

    def _fork(self) -> bool:
        request, sockets, _, _ = socket.recv_fds(self._requests, 1, 1)
        if not request:
            return False
        line = Line(socket.socket(fileno=sockets[0]))
        flush_streams()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            self._say(line, REFUSED)
            return True
        if pid == 0:
            die_with(parent)
            self._leave_all_else()
            self._become(line)
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = _Child(pid, line)
        self._poll.register(pidfd, select.POLLIN)
        return True

    def _leave_all_else(self) -> None:
        self._requests.close()
        for pidfd, child in self._children.items():
            os.close(pidfd)
            child.line.close()

    def _bury(self, pidfd: int) -> None:
        child = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(child.pid, 0)
        self._say(child.line, os.waitstatus_to_exitcode(status))

    @staticmethod
    def _say(line: Line, status: int) -> None:
        with suppress(OSError):  # its thread waits no more
            line.send(ENDED, STATUS.pack(status))
        line.close()
