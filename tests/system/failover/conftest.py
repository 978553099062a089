"""A daemon and a producer on servers that fail over, and what became of each job."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resqd.errors import StoreUnavailable
from resqd.store.redis.embedded import server_binary
from resqd.store.resque.payload import encode
from resqd.store.resque.store import Store
from tests.support.daemon import Daemon
from tests.support.topologies import ClusterOfSix, Watched
from tests.support.waiting import wait_for

JOBS = """
import os
import resqd

app = resqd.App()
journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND)


@app.job(queue="q", name="mark")
def mark(number):
    os.write(journal, b"%d\\n" % number)
"""


class Traffic:
    """A daemon that notes each job's number, and a thread that pushes one number after another."""

    def __init__(self, folder: Path, url: str) -> None:
        self._journal = folder / "journal"
        self._journal.touch()
        (folder / "marking.py").write_text(JOBS)
        environ = {
            "PYTHONPATH": f"{Path(__file__).parents[3]}:{folder}",
            "JOURNAL": str(self._journal),
            "REDIS_URL": url,
            "RESQD_APP": "marking:app",
            "QUEUES": "q",
            "WORKER_COUNT": "2",
            "THREAD_COUNT": "2",
            "JOBS_PER_FORK": "200",
        }
        self.daemon = Daemon(folder=folder, environ=environ, cwd=folder).start()
        self._store = Store.of(url=url, namespace="resque")
        self.pushed: dict[int, float] = {}
        """When each number was pushed, as Redis confirmed."""
        self.refused = 0
        self._ending = False
        self._thread = threading.Thread(target=self._produce, daemon=True)

    def start(self) -> None:
        self._thread.start()
        wait_for(lambda: len(self.ran()) > 100, 30, what="jobs run")

    def _produce(self) -> None:
        number = 0
        while not self._ending:
            number += 1
            try:
                self._store.push("q", [encode("mark", [number], id=None)])
            except StoreUnavailable:
                self.refused += 1
                time.sleep(0.01)
            else:
                self.pushed[number] = time.monotonic()
            time.sleep(0.001)

    def ran(self) -> Counter[int]:
        """How often each number's job ran."""
        return Counter(map(int, self._journal.read_text().split()))

    def wait_for_new(self, seconds: float = 20) -> None:
        """Wait until a job ran that was pushed after this moment."""
        now = time.monotonic()
        wait_for(
            lambda: {number for number, at in list(self.pushed.items()) if at > now} & self.ran().keys(),
            seconds,
            what="a job that was pushed now runs",
        )

    def finish(self) -> tuple[list[int], list[int]]:
        """End the producer, let all jobs run, end the daemon; the numbers that were lost, and that ran twice."""
        self._ending = True
        self._thread.join(20)
        wait_for(lambda: self._store.books.queues.size("q") == 0, 20, what="the queue is empty")
        assert self.daemon.stop() == 0
        self._store.close()
        ran = self.ran()
        return sorted(self.pushed.keys() - ran.keys()), sorted(
            each for each, count in ran.items() if count > 1
        )


@pytest.fixture
def watched() -> Iterator[Watched]:
    with Watched(_binary()) as servers:
        yield servers


@pytest.fixture
def cluster() -> Iterator[ClusterOfSix]:
    with ClusterOfSix(_binary()) as servers:
        yield servers


def _binary() -> Path:
    binary = server_binary()
    assert binary is not None
    return binary


@pytest.fixture
def traffic(tmp_path: Path) -> Iterator[Callable[[str], Traffic]]:
    """Makes the traffic on the servers of a URL; ends it."""
    made: list[Traffic] = []

    def make(url: str) -> Traffic:
        made.append(Traffic(tmp_path, url))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each._ending = True
        if each.daemon.process.poll() is None:
            each.daemon.stop()
