"""Where a daemon keeps its sockets and its state: the folders' names, and making them private."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from resqd.errors import ResqdError


class FolderError(ResqdError):
    """A folder that must be private to this user cannot be made, or belongs to somebody else."""


def runtime_folder(environ: Mapping[str, str]) -> Path:
    """Where control sockets live: $RUNTIME_DIRECTORY (systemd), $XDG_RUNTIME_DIR/resqd or /tmp/resqd-UID."""
    if given := environ.get("RUNTIME_DIRECTORY"):
        return Path(given.split(":")[0])
    if base := _absolute(environ, "XDG_RUNTIME_DIR"):
        return base / "resqd"
    return Path(f"/tmp/resqd-{os.getuid()}")  # noqa: S108 - private_folder() checks who owns it


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where the embedded server's data lives: $STATE_DIRECTORY (systemd's), else under $XDG_STATE_HOME or ~.

    Raises FolderError where there is none, or its name is not UTF-8, which no URL of a socket can hold.
    """
    folder = _state_folder(environ)
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise FolderError(
            f"the name of the state folder {str(folder)!a} is not UTF-8; "
            "set XDG_STATE_HOME to a folder whose name is, or REDIS_URL"
        ) from None
    return folder


def _state_folder(environ: Mapping[str, str]) -> Path:
    if given := environ.get("STATE_DIRECTORY"):
        return Path(
            given.split(":")[0]
        ).resolve()  # with DynamicUser systemd gives a symbolic link of its own
    if base := _absolute(environ, "XDG_STATE_HOME"):
        return base / "resqd"
    home = environ.get("HOME") or _home_of_user()
    if home is None:
        raise FolderError(
            f"there is no folder for the embedded server's data: HOME is not set and user {os.getuid()} "
            "has no home; set XDG_STATE_HOME, or REDIS_URL for another server"
        )
    return Path(home) / ".local" / "state" / "resqd"


def _absolute(environ: Mapping[str, str], variable: str) -> Path | None:
    """The folder that a variable names; a relative one is ignored, as the XDG specification asks."""
    given = environ.get(variable, "")
    return Path(given) if given.startswith("/") else None


def _home_of_user() -> str | None:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir or None
    except KeyError:
        return None


def private_folder(path: Path) -> Path:
    """Make `path` (mode 0700) and its parents where they are missing, check that it is ours alone, and return it.

    Raises FolderError for a symbolic link, another owner, or a folder that others may write to: in a
    shared /tmp anybody could have made it first.
    """
    try:
        for folder in (*reversed(path.parents), path):
            folder.mkdir(
                mode=0o700, exist_ok=True
            )  # parents too: with `parents=True` umask 0 would open them
        status = path.lstat()
    except OSError as error:
        raise FolderError(f"cannot make the folder {path}: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise FolderError(f"{path} is not a folder (a symbolic link is not followed)")
    if status.st_uid != os.geteuid():
        raise FolderError(f"the folder {path} belongs to user {status.st_uid}, not to us")
    if status.st_mode & 0o022:
        raise FolderError(f"the folder {path} can be written to by others: chmod 700 it")
    return path


def need(runtime: Path, environ: Mapping[str, str], *, embedded: bool) -> None:
    """Make the folders that a daemon writes to. Raises FolderError that names all which cannot be, and what to set.

    `runtime` is for sockets and the lock; with `embedded` the server's data need one that lasts.
    """
    wanted: list[Callable[[], Path]] = [lambda: runtime]
    wanted += [lambda: state_folder(environ)] if embedded else []
    problems = [problem for folder in wanted if (problem := _problem(folder))]
    if problems:
        state = " STATE_DIRECTORY=FOLDER (or REDIS_URL, for another server)" if embedded else ""
        remedy = f"one folder that we may write to is enough: set RUNTIME_DIRECTORY=FOLDER{state}"
        raise FolderError("; ".join([*problems, remedy]))


def _problem(folder: Callable[[], Path]) -> str:
    try:
        path = private_folder(folder())
    except FolderError as error:
        return str(error)
    return "" if os.access(path, os.W_OK | os.X_OK) else f"the folder {path} cannot be written to"


@dataclass(frozen=True, slots=True)
class Trace:
    """Which file a name stood for: another that has taken the name since is not ours to remove.

    The time of its last write belongs to it: a new file may get the number of one that was removed.
    """

    device: int
    inode: int
    written_ns: int

    @classmethod
    def of(cls, descriptor: int) -> Trace:
        """An open file's."""
        status = os.fstat(descriptor)
        return cls(status.st_dev, status.st_ino, status.st_mtime_ns)

    @classmethod
    def at(cls, path: Path) -> Trace | None:
        """What stands at a path, links not followed; None for nothing."""
        try:
            status = path.lstat()
        except OSError:
            return None
        return cls(status.st_dev, status.st_ino, status.st_mtime_ns)

    def remove(self, path: Path) -> None:
        """Remove what stands at the path if it is this very file."""
        if Trace.at(path) == self:
            path.unlink(missing_ok=True)
