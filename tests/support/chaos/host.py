"""One daemon of a chaos run, as a host of its own, started again whenever its master is killed."""

import contextlib
from pathlib import Path

import psutil

from tests.support.chaos.books import Books
from tests.support.daemon import Daemon
from tests.support.processes import title
from tests.support.proxy import Proxy
from tests.support.recorded import RECORD

HEARTBEAT, PRUNE = 0.5, 5.0
"""The daemons' intervals, in seconds."""


class Host:
    """One daemon, started again whenever its master is killed."""

    def __init__(self, name: str, *, proxy: Proxy, folder: Path, record: Path, books: Books) -> None:
        self.name = name
        self.proxy = proxy
        self.folder = folder / name
        self.folder.mkdir()
        self.daemons: list[Daemon] = []
        self._record = record
        self._books = books
        self._start()

    @property
    def daemon(self) -> Daemon:
        return self.daemons[-1]

    def processes(self, kind: str) -> list[psutil.Process]:
        """Its living processes of a kind: master, worker (probation too), housekeeper."""
        found = self.daemon.tree()
        if kind == "master":
            return found[:1]
        house = [one for one in found[1:] if "housekeeper" in title(one)]
        return house if kind == "housekeeper" else [one for one in found[1:] if one not in house]

    def kill_master(self, *, housekeeper: bool = False) -> bool:
        """SIGKILL; its workers are orphans now and may leave jobs unfinished. Another master starts at once.

        `housekeeper`: that is killed with it, so that nobody of that daemon sees to the orphans. Whether it was.
        """
        self._books.doomed.update(one.pid for one in self.daemon.tree())
        beside = self.processes("housekeeper") if housekeeper else []
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(self.daemon.pid).suspend()  # it must not fork another one meanwhile
            for one in beside:
                one.kill()
        self.daemon.process.kill()
        self.daemon.process.wait(10)
        self._start()
        return bool(beside)

    def log(self) -> Path:
        return self.folder / "daemon.log"

    def _start(self) -> None:
        flags = {
            "app": "tests.support.chaos.jobs:app", "queues": "work", "workers": "2", "threads": "4",
            "jobs-per-fork": "200", "host": f"{self.name}.example", "name": f"resqd-{self.name}",
            "heartbeat-interval": str(HEARTBEAT), "prune-interval": str(PRUNE), "kill-grace": "1",
            "max-deliveries": "3",
        }  # fmt: skip
        daemon = Daemon(
            *(part for flag, value in flags.items() for part in (f"--{flag}", value)),
            folder=self.folder,
            environ={
                "REDIS_URL": self.proxy.url, "XDG_RUNTIME_DIR": str(self.folder), RECORD: str(self._record),
                "LOGGING": "debug",
            },
        )  # fmt: skip
        self.daemons.append(daemon.start())
