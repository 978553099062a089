"""Standard output as a daemon must treat it: shared with strangers, perhaps full, blocked or closed."""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import sys
from collections.abc import Callable

_MAY_REOPEN = frozenset({stat.S_IFIFO, stat.S_IFCHR})


def open_standard_descriptors() -> None:
    """Point each of 0, 1 and 2 that is closed at /dev/null, so that no socket is ever mistaken for stdout."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest free number, so this very one
            os.set_inheritable(opened, True)


def flush_streams() -> None:
    """Write out what `sys.stdout` and `sys.stderr` hold, as far as they take it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001, S112 - closed, full, None, or of the application's own making
            continue


class Line:
    """Writes whole lines to a descriptor that others share, without waiting and without O_NONBLOCK on it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._own: tuple[int, os.stat_result] | None = None
        self._write: Callable[[bytes], int] = self._write_plain
        try:
            kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        except OSError:
            return  # closed: every write will say so
        if kind == stat.S_IFSOCK:
            self._write = self._write_socket
        elif kind in _MAY_REOPEN:
            self._reopen(descriptor)

    def _reopen(self, descriptor: int) -> None:
        """A description of our own may be non-blocking; the one behind stdout belongs to others as well."""
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            own = os.open(f"/proc/self/fd/{descriptor}", flags)
        except OSError:  # another user's pipe or terminal, or its reader is gone
            self._write = self._write_when_ready
            return
        self._descriptor, self._own = own, (own, os.fstat(own))

    def write(self, line: bytes) -> bool:
        """Whether the line was taken, all of it."""
        try:
            return self._write(line) == len(line)
        except OSError:  # full, closed, or no space left: the caller counts it
            return False

    def close(self) -> None:
        """Close what was opened here, unless a fork's clean-up did and the number is another's by now."""
        if self._own is None:
            return
        descriptor, opened = self._own
        self._own = None
        try:
            if os.path.samestat(os.fstat(descriptor), opened):
                os.close(descriptor)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise

    def _write_plain(self, line: bytes) -> int:
        return os.write(self._descriptor, line)

    def _write_when_ready(self, line: bytes) -> int:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        ready = poll.poll(0)
        return os.write(self._descriptor, line) if ready else 0

    def _write_socket(self, line: bytes) -> int:
        duplicate = socket.socket(fileno=os.dup(self._descriptor))
        with duplicate:
            return duplicate.send(line, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
