"""The lock that keeps two daemons of one name apart, and the pidfile, which only tells others the pid."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

from resqd.errors import ResqdError
from resqd.folders import private_folder

HELD_STATUS = 1
"""Exit status of a daemon whose name is taken: it passes when the other ends, unlike a wrong setting (78)."""
_PID_DIGITS = 10


class LockHeld(ResqdError):  # noqa: N818 - names the state of the lock
    """Another daemon of this name runs."""


class LockError(ResqdError):
    """The lock file or the pidfile cannot be written."""


class DaemonLock:
    """An flock on NAME.lock, held for the daemon's life and over an exec in place.

    The kernel ends it with the last process that has the descriptor, so a crash leaves no stale lock, and
    children must close `descriptors()`. The file itself stays: removing it would let two daemons lock two files.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Errors: LockHeld, naming the pid that holds it; LockError; FolderError."""
        private_folder(self._path.parent)
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = read_pid(self._path)
            os.close(descriptor)
            who = "another process" if holder is None else f"pid {holder}"
            raise LockHeld(
                f"a daemon named {self._path.stem} runs already: {who} holds {self._path}"
            ) from None
        self._descriptor = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)

    def adopt(self, descriptor: int) -> None:
        """Go on with the lock that `hand_over` kept over an exec."""
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor

    def hand_over(self) -> int:
        """Keep the held lock over the exec that follows, and give its number for `adopt`."""
        if self._descriptor is None:
            raise LockError(f"the lock {self._path} is not held")
        os.set_inheritable(self._descriptor, True)
        return self._descriptor

    def descriptors(self) -> list[int]:
        """What a forked child must close, or the lock would outlive the master."""
        return [] if self._descriptor is None else [self._descriptor]

    def release(self) -> None:
        """Give the lock up; the last thing that a daemon does."""
        for descriptor in self.descriptors():
            os.close(descriptor)
        self._descriptor = None

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LockError(f"cannot open the lock {self._path}: {error.strerror}") from error


def read_pid(path: Path) -> int | None:
    """The pid that a file names, None for one that is missing or names none. For people: never to be signalled."""
    try:
        with path.open("rb") as file:
            text = file.read(_PID_DIGITS + 2).strip()
    except OSError:
        return None
    return int(text) if text.isdigit() and len(text) <= _PID_DIGITS else None


def write_pidfile(path: Path, pid: int) -> None:
    """Put `pid` in the file, whatever it held: readers see the old text or the new. Errors: LockError."""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            os.fchmod(descriptor, 0o644)
            os.write(descriptor, b"%d\n" % pid)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise LockError(f"cannot write the pidfile {path}: {error.strerror}") from error


def remove_pidfile(path: Path, pid: int) -> None:
    """Remove the file if it still names `pid`; a later daemon's stays."""
    if read_pid(path) == pid:
        path.unlink(missing_ok=True)
