"""A PostgreSQL server of the tests' own, on a Unix socket, ended by its pid; it keeps nothing safe, so it is quick."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from types import TracebackType

_UNPRIVILEGED = ("postgres", "nobody")
"""Who it runs as where the tests are root's, whom it refuses."""


def programs() -> Path | None:
    """The folder of Debian's newest `initdb` and `postgres`, or that on the PATH; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    beside = shutil.which("initdb")
    return found[-1].parent if found else Path(beside).parent if beside else None


class Postgres:
    """One server with a database for each name that is asked for."""

    def __init__(self, folder: Path) -> None:
        self._programs = folder
        self._as: dict[str, Any] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="resqd-postgres-"))
        if os.geteuid() == 0:
            user = next(name for name in _UNPRIVILEGED if _is_known(name))
            shutil.chown(self.folder, user)
            self._as = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """What SQLAlchemy connects to."""
        return f"postgresql+psycopg://resqd@/{database}?host={self.folder}"

    def create(self, database: str) -> str:
        """Make a database; its URL."""
        self.run(f"CREATE DATABASE {database}")
        return self.url(database)

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run one statement."""
        command = [
            str(self._programs / "psql"),
            "-qX",
            "-h",
            str(self.folder),
            "-U",
            "resqd",
            "-d",
            database,
            "-c",
            statement,
        ]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=30)

    def answers(self) -> bool:
        """Whether it takes connections."""
        command = [str(self._programs / "pg_isready"), "-q", "-h", str(self.folder)]
        return subprocess.run(command, check=False, timeout=10).returncode == 0

    def __enter__(self) -> Self:
        data = str(self.folder / "data")
        with (self.folder / "server.log").open("wb") as log:
            making = [
                str(self._programs / "initdb"),
                "-D",
                data,
                "-U",
                "resqd",
                "-A",
                "trust",
                "-N",
                "-E",
                "UTF8",
            ]
            subprocess.run(making, check=True, stdout=log, stderr=log, cwd="/", timeout=60, **self._as)
            command = [str(self._programs / "postgres"), "-D", data, "-k", str(self.folder), "-F"]
            options = ["-c", "listen_addresses=", "-c", "max_connections=40"]
            self._process = subprocess.Popen(
                [*command, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **self._as
            )
        wait_for(self.answers, 20, what="PostgreSQL answers")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # ends its connections, too
            self._process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_known(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
