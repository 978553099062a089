"""A Redis or Valkey server of the tests' own, on a Unix socket, ended by its pid."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tests.support.waiting import wait_for

DATABASES = 64


class Server:
    """One server process with nothing on disk but its socket; `extra` holds further options of its command line.

    `within` is what enters the namespaces where it is to run.
    """

    def __init__(self, binary: Path, *extra: str, within: Sequence[str] = ()) -> None:
        self._binary = binary
        self._extra = extra
        self._within = within
        self.folder = Path(tempfile.mkdtemp(prefix="resqd-test-"))
        self.socket = self.folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def url(self, database: int = 0) -> str:
        """The URL of one of its logical databases."""
        return f"unix://{quote(str(self.socket))}?db={database}"

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        base = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", ""]
        command = [*self._within, str(self._binary), *base, "--databases", str(DATABASES), *self._extra]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(self.answers, 20, what=f"{self._binary} answers")

    def answers(self) -> bool:
        """Whether it answers PING."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(self.socket))
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
        return False

    def kill(self) -> None:
        """End it at once, as a crash would; `start` brings it back with what its append-only file holds."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def stop(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
