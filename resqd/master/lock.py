"""The lock that keeps two daemons of one name apart, and the pidfile, which only tells others the pid."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from pathlib import Path

from resqd import events
from resqd.errors import ResqdError
from resqd.folders import Trace, private_folder

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
    Somebody else may remove it all the same. Against that the folder is held with a shared lock, which
    keeps systemd-tmpfiles out of it; a name whose `socket` answers is taken, whatever the file says; and
    `keep` puts the file back.
    """

    def __init__(self, path: Path, *, socket: Path | None = None) -> None:
        self._path = path
        self._socket = socket
        self._descriptor: int | None = None
        self._folder: int | None = None
        self._rival = False

    def acquire(self) -> None:
        """Take the lock. Errors: LockHeld, naming the pid that holds it; LockError; FolderError."""
        private_folder(self._path.parent)
        while self._descriptor is None:
            descriptor = self._locked()
            if descriptor is None:
                holder = read_pid(self._path)
                who = "another process" if holder is None else f"pid {holder}"
                raise LockHeld(f"a daemon named {self._path.stem} runs already: {who} holds {self._path}")
            if Trace.of(descriptor) == Trace.at(self._path):
                self._descriptor = descriptor
            else:  # removed between its opening and our lock: nobody else would meet us at it
                os.close(descriptor)
        if self._socket is not None and _answers(self._socket):
            self.release()
            raise LockHeld(
                f"a daemon named {self._path.stem} runs already: it listens at {self._socket}, "
                f"though somebody has removed its lock {self._path}"
            )
        self._hold_folder()

    def adopt(self, descriptor: int) -> None:
        """Go on with the lock that `hand_over` kept over an exec."""
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._hold_folder()

    def hand_over(self) -> int:
        """Keep the held lock over the exec that follows, and give its number for `adopt`."""
        if self._descriptor is None:
            raise LockError(f"the lock {self._path} is not held")
        os.set_inheritable(self._descriptor, True)
        return self._descriptor

    def keep(self) -> None:
        """Put the file back where somebody has removed it, unless another daemon has taken the name meanwhile."""
        if self._descriptor is None or Trace.of(self._descriptor) == Trace.at(self._path):
            return
        try:
            descriptor = self._locked()
        except LockError as error:  # its folder is gone as well
            self._warn_once(str(error))
            return
        if descriptor is None:
            self._warn_once(f"another daemon of this name has taken it: {self._path} was removed")
            return
        events.Master.lock_put_back(path=self._path)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._rival = False

    def descriptors(self) -> list[int]:
        """What a forked child must close, or the lock would outlive the master."""
        return [held for held in (self._descriptor, self._folder) if held is not None]

    def release(self) -> None:
        """Give the lock up; the last thing that a daemon does."""
        for descriptor in self.descriptors():
            os.close(descriptor)
        self._descriptor = self._folder = None

    def _locked(self) -> int | None:
        """The file, made where it is missing, with our lock and pid; None where another holds it."""
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        return descriptor

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LockError(f"cannot open the lock {self._path}: {error.strerror}") from error

    def _hold_folder(self) -> None:
        """A cleaner that works there just now may finish: the lock on the folder only keeps others from beginning."""
        try:
            self._folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            events.Master.folder_not_held(path=self._path.parent, why=error.strerror)

    def _warn_once(self, line: str) -> None:
        if not self._rival:
            self._rival = True
            events.Master.lock_lost(why=line)


def _answers(path: Path) -> bool:
    """Whether somebody listens at a socket; one whose backlog is full does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except BlockingIOError:
            return True
        except OSError:  # nothing there, nobody behind it, or a path too long for any socket
            return False
        return True


def read_pid(path: Path) -> int | None:
    """The pid that a file names, None for one that is missing or names none. For people: never to be signalled."""
    try:
        with path.open("rb") as file:
            text = file.read(_PID_DIGITS + 2).strip()
    except OSError:
        return None
    return int(text) if text.isdigit() and len(text) <= _PID_DIGITS else None


def write_pidfile(path: Path, pid: int) -> Trace:
    """Put `pid` in the file, whatever it held: readers see the old text or the new. Errors: LockError."""
    try:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o644)
            os.write(descriptor, b"%d\n" % pid)
            written = Trace.of(descriptor)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise LockError(f"cannot write the pidfile {path}: {error.strerror}") from error
    return written
