"""A daemon and a producer on servers that fail over, and what became of each job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from resqd.errors import StoreUnavailable
from resqd.parsing import tagged
from resqd.store.keys import Keys
from resqd.store.redis.embedded import server_binary
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import pack_command
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.encoding import encode
from tests.support.daemon import Daemon
from tests.support.topologies import ClusterOfSix, Watched
from tests.support.waiting import wait_for

JOBS = """
import os
import time
import resqd

app = resqd.App()
journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND)


@app.job(queue="q", name="mark")
def mark(number):
    os.write(journal, b"%d %f\\n" % (number, time.monotonic()))
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the jobs: the numbers that Redis kept and that never ran, and that it lost itself.

    `twice` are those that ran more than once, each with the moment of its first run.
    """

    lost: list[int]
    forgotten: list[int]
    twice: dict[int, float]


class Traffic:
    """A daemon that notes each job's number, and a thread that pushes one number after another.

    Each push enters its number in a list of witnesses too, in one transaction: Redis has both, or has lost both.
    """

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
        self._link = Link(ConnectionConfig.from_url(url, socket_timeout=1.0))  # nobody tells it of a failover
        self._keys = Keys(tagged("resque", url))
        self._witness = f"{self._keys.queue_prefix}witness"
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
                self._push(number)
            except StoreUnavailable:
                self.refused += 1
                time.sleep(0.01)
            else:
                self.pushed[number] = time.monotonic()
            time.sleep(0.001)

    def _in_flight(self) -> list[bytes]:
        hashes = self._link.call("KEYS", f"{self._keys.namespace}:resqd:inflight:*")
        fields = [field for key in hashes for field in self._link.call("HKEYS", key)]
        return [field for field in fields if not field.startswith(b"!")]

    def _push(self, number: int) -> None:
        job = encode("mark", [number], id=None)
        commands = [
            ("MULTI",),
            ("SADD", self._keys.queues, "q"),
            ("RPUSH", self._keys.queue("q"), job),
            ("RPUSH", self._witness, number),
            ("EXEC",),
        ]
        self._link.transact(b"".join(map(pack_command, commands)), len(commands))

    def ran(self) -> dict[int, list[float]]:
        """When each number's job ran."""
        runs: dict[int, list[float]] = {}
        for line in self._journal.read_text().splitlines():
            number, moment = line.split()
            runs.setdefault(int(number), []).append(float(moment))
        return runs

    def wait_for_new(self, seconds: float = 20) -> None:
        """Wait until a job ran that was pushed after this moment."""
        now = time.monotonic()
        wait_for(
            lambda: {number for number, at in list(self.pushed.items()) if at > now} & self.ran().keys(),
            seconds,
            what="a job that was pushed now runs",
        )

    def run_for(self, seconds: float) -> None:
        """Let it go on for so long."""
        time.sleep(seconds)

    def finish(self) -> Outcome:
        """End the producer, let all jobs run, end the daemon; what became of them. Nothing is in flight then."""
        self._ending = True
        self._thread.join(20)
        wait_for(lambda: self._link.call("LLEN", self._keys.queue("q")) == 0, 20, what="the queue is empty")
        wait_for(lambda: not self._in_flight(), 20, what="no job is in flight")
        assert self.daemon.stop() == 0
        kept = set(map(int, self._link.call("LRANGE", self._witness, 0, -1)))
        self._link.close()
        ran = self.ran()
        pushed = self.pushed.keys()
        return Outcome(
            lost=sorted(kept - ran.keys()),
            forgotten=sorted(pushed - kept),
            twice={number: min(moments) for number, moments in sorted(ran.items()) if len(moments) > 1},
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
