"""Several Redis at a time: plain jobs go on beside a shard that is away, and nothing is lost with it."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from resqd import App
from resqd.errors import StoreError
from resqd.store.redis.embedded import server_binary
from tests.support.daemon import Daemon
from tests.support.server import Server
from tests.support.waiting import wait_for

JOBS = """
import os
import time
import resqd

app = resqd.App(name="shards")
journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND)


@app.job(queue="q", name="mark")
def mark(number):
    os.write(journal, b"%d\\n" % number)


@app.job(queue="q", name="only", unique=resqd.Unique())
def only(number):
    os.write(journal, b"%d\\n" % number)


@app.job(queue="q", name="few", limits=[resqd.Concurrency(2)])
def few(number):
    os.write(journal, b"+%d\\n" % number)
    time.sleep(0.01)
    os.write(journal, b"-%d\\n" % number)


@app.job(queue="one", name="alone")
def alone(number):
    os.write(journal, b"+%d\\n" % number)
    time.sleep(0.02)
    os.write(journal, b"-%d\\n" % number)
"""


class Scene:
    """A daemon on two servers, a producer, and the journal of what ran."""

    def __init__(self, folder: Path, servers: list[Server]) -> None:
        (folder / "shard_jobs.py").write_text(JOBS)
        self.servers = servers
        self.urls = [f"{server.url()}&socket_timeout=1" for server in servers]
        self._journal = folder / "journal"
        self._journal.touch()
        environ = {
            "REDIS_SHARDS": " ".join(self.urls),
            "JOURNAL": str(self._journal),
            "PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}",
            "HEARTBEAT_INTERVAL": "0.2",
            "PRUNE_INTERVAL": "2",
        }
        flags = ["--app", "shard_jobs:app", "--jobs-per-fork", "0", "--threads", "3", "--queues", "q,one:1"]
        self.environ = environ
        self.daemon = Daemon(*flags, folder=folder, environ=environ)
        self.app = App(name="shards")
        self.app.job(name="mark", queue="q")(mark)
        self.app.job(name="alone", queue="one")(mark)
        self.sent = 0
        self.unsure: list[int] = []

    def client(self, shard: int) -> redis.Redis:
        """A plain client of one shard."""
        return redis.Redis.from_url(self.servers[shard].url())

    def push(self, count: int, name: str = "mark") -> None:
        """Enqueue one after another; those whose push raised are noted."""
        for _ in range(count):
            try:
                self.app.enqueue(name, self.sent)
            except StoreError:
                self.unsure.append(self.sent)
            self.sent += 1

    def ran(self) -> Counter[str]:
        """What ran, by number."""
        return Counter(self._journal.read_text().split())

    def order(self) -> list[str]:
        """The lines of the journal."""
        return self._journal.read_text().split()

    def wait_for_all(self, seconds: float = 20.0) -> None:
        """Everything that was enqueued has run, once."""
        sure = {str(number) for number in range(self.sent)} - set(map(str, self.unsure))
        wait_for(lambda: sure <= set(self.ran()), seconds, what="all jobs have run")
        assert set(self.ran().values()) == {1}


def mark(number: int) -> None:
    """Stands for the daemon's job of that name."""


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Two servers that keep what they confirm."""
    binary = server_binary()
    assert binary is not None
    with (
        Server(binary, "--appendonly", "yes", "--appendfsync", "always") as home,
        Server(binary, "--appendonly", "yes", "--appendfsync", "always") as other,
    ):
        yield [home, other]


@pytest.fixture
def scene(tmp_path: Path, servers: list[Server], monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The daemon runs, and both shards have been heard of."""
    scene = Scene(tmp_path, servers)
    monkeypatch.setenv("REDIS_SHARDS", scene.environ["REDIS_SHARDS"])
    scene.daemon.start()
    try:
        scene.push(20)
        scene.wait_for_all()
        yield scene
    finally:
        for server in servers:
            if server._process is not None:
                os.kill(server.pid, signal.SIGCONT)
        scene.app.close()
        scene.daemon.stop()


def test_plain_jobs_are_spread_and_all_are_run(scene: Scene) -> None:
    """Each shard gets every other one, and counts what ended there."""
    for shard in range(2):
        with scene.client(shard) as client:
            assert client.get("resque:stat:processed") == b"10"
    status = scene.app.info()
    assert status["processed"] == 20


@pytest.mark.parametrize("shard", [0, 1])
def test_a_silent_shard_stops_nothing_else(scene: Scene, shard: int) -> None:
    """While one is stopped, jobs of the other run at once; what it holds waits, and runs once, when it is back."""
    os.kill(scene.servers[shard].pid, signal.SIGSTOP)
    began = time.monotonic()
    scene.push(50)
    assert len(scene.unsure) == 1  # the first to ask cannot know whether its job is there
    assert time.monotonic() - began < 5
    sure = {str(number) for number in range(scene.sent)} - set(map(str, scene.unsure))
    wait_for(lambda: sure <= set(scene.ran()), 5, what="jobs of the other shard run")
    os.kill(scene.servers[shard].pid, signal.SIGCONT)
    unsure = scene.unsure[:]
    scene.push(30)
    scene.wait_for_all()
    assert set(map(str, unsure)) <= set(scene.ran())  # it was only late


@pytest.mark.parametrize("shard", [0, 1])
def test_a_shard_that_dies_keeps_its_jobs(scene: Scene, shard: int) -> None:
    """Pushes go on without an error once it is known to be away, and it is used again when it is back."""
    with scene.client(shard) as client:
        client.config_set("appendfsync", "always")
    scene.push(300)
    scene.servers[shard].kill()
    scene.push(60)
    sure = {str(number) for number in range(300, scene.sent)} - set(map(str, scene.unsure))
    assert len(scene.unsure) <= 1
    with scene.client(1 - shard) as client:
        wait_for(lambda: client.llen("resque:queue:q") == 0, 10, what="the other shard's queue is empty")
    scene.servers[shard].start()
    with scene.client(shard) as client:
        before = int(client.get("resque:stat:processed") or 0)

        def used_again() -> bool:
            scene.push(2)
            return int(client.get("resque:stat:processed") or 0) > before

        wait_for(used_again, 15, what="the shard runs jobs again")
    wait_for(lambda: sure <= set(scene.ran()), 20, what="all that were surely enqueued have run")
    # What ran as the server died, and could not be told, may run again.
    twice = [number for number, times in scene.ran().items() if times > 1]
    assert len(twice) <= 6


def test_a_cap_holds_over_all_shards(scene: Scene) -> None:
    """Of a queue with a cap of one never two run at a time, though it has jobs on both, and all of them run."""
    first = scene.sent
    scene.push(60, "alone")
    numbers = {f"-{number}" for number in range(first, scene.sent)}
    wait_for(lambda: numbers <= set(scene.ran()), 30, what="all have run")
    running = most = 0
    for line in scene.order():
        running += {"+": 1, "-": -1}.get(line[0], 0)
        most = max(most, running)
    assert most == 1


def test_a_job_under_a_limit_runs_on_the_home_shard_wherever_it_was_put(scene: Scene) -> None:
    """Whoever does not know its class puts it anywhere; it goes home before it begins, so the limit holds for all."""
    with scene.client(0) as home, scene.client(1) as other:
        for number in range(40):
            client = (home, other)[number % 2]
            raw = b'{"class":"few","args":[%d],"id":"few%d"}' % (number, number)
            client.rpush("resque:queue:q", raw)
            client.sadd("resque:queues", "q")
        wanted = {f"-{number}" for number in range(40)}
        wait_for(lambda: wanted <= set(scene.ran()), 30, what="all have run")
        running = most = 0
        for line in scene.order():
            running += {"+": 1, "-": -1}.get(line[0], 0)
            most = max(most, running)
        assert most == 2
        assert all(scene.ran()[line] == 1 for line in wanted)
        # 20 plain ones of the fixture ran on both; those under the limit on the home shard only
        assert [int(client.get("resque:stat:processed") or 0) for client in (home, other)] == [50, 10]
