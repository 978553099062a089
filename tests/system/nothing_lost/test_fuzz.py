"""Ten thousand hostile payloads through a whole daemon that is watched all the while."""

import json
import os
import re
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, cast

import pytest
import redis

from resqd.app import App
from resqd.cli import views
from resqd.cli.client import Client, jobs_in
from tests.support.daemon import Daemon
from tests.support.hostile import NONE, RECORD, Attack, Sent, raw_of
from tests.support.processes import title
from tests.support.waiting import wait_for

SEED = int(os.environ.get("RESQD_TEST_SEED", "10"))
"""Set the variable to try another one, or that of a failure again."""
COUNT = 10_000
_METRIC = re.compile(rb"k\.[A-Za-z0-9_.-]{1,300}:[0-9.]+\|(c|ms|g)")
_ENDS = re.compile(rb".*\.(?:success|failure):([0-9]+)\|c")


class Watch:
    """Does something again and again on a thread of its own; what it raises fails the test."""

    def __init__(self, look: Callable[[], object], pause: float) -> None:
        self._look = look
        self._pause = pause
        self._end = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self.looks = 0

    def _run(self) -> None:
        try:
            while not self._end.wait(self._pause):
                self._look()
                self.looks += 1
        except BaseException as error:  # noqa: BLE001 - the thread's top: raised again by the test
            self._error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self._error is not None:
            raise self._error


class Sink:
    """A statsd that takes everything and believes nothing."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.ended = 0

    def hear(self) -> None:
        while True:
            try:
                packet = self.socket.recv(65_536)
            except BlockingIOError:
                return
            for line in packet.split(b"\n"):
                assert _METRIC.fullmatch(line), line
                if match := _ENDS.fullmatch(line):
                    self.ended += int(match[1])


@pytest.fixture
def sink() -> Iterator[Sink]:
    listener = Sink()
    with listener.socket:
        yield listener


@contextmanager
def seeded(daemon: Daemon) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"seed {SEED}: {error}\n{daemon.output()[-4000:]}") from error


def push(client: redis.Redis, sent: list[Sent]) -> None:
    with client.pipeline(transaction=False) as pipe:
        for one in sent:
            pipe.sadd("resque:queues", one.queue)
            pipe.rpush(b"resque:queue:" + one.queue, one.raw)
        pipe.execute()


def unaccounted(client: redis.Redis, record: Path, sent: list[Sent]) -> list[tuple[int, Sent]]:
    """Which jobs did not come to exactly one end, with how many they came to."""
    failed = Counter(map(raw_of, cast("list[bytes]", client.lrange("resque:failed", 0, -1))))
    ran = Counter(map(int, record.read_text().split()))
    ends = [(failed[one.raw] + (ran[one.ticket] if one.ticket != NONE else 0), one) for one in sent]
    nameless = [ends_of for ends_of, one in ends if one.ticket == NONE]
    assert sum(nameless) + ran[NONE] == len(nameless), "of the jobs without arguments"
    return [(count, one) for count, one in ends if count != 1 and (one.ticket != NONE or count)]


def test_ten_thousand_hostile_payloads_end_no_process(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis, sink: Sink
) -> None:
    """Each one runs once or is in `failed`; nothing else is said above info, but for recycling no process ends, and
    status, statsd and the web pages' registry tell of all of it meanwhile.
    """
    sent = list(Attack(SEED).payloads(COUNT))
    record = tmp_path / "record"
    record.touch()
    push(redis_client, sent)
    host, port = sink.socket.getsockname()
    shape = ["--workers", "2", "--threads", "24", "--jobs-per-fork", "2000", "--queues", "*"]
    app, client = App(redis_url), Client([Path(os.environ["XDG_RUNTIME_DIR"]) / "resqd" / "resqd.sock"])
    environ = {"REDIS_URL": redis_url, RECORD: str(record), "LOGGING": "info"}
    environ |= {"STATSD_HOST": host, "STATSD_PORT": str(port), "STATSD_KEY": "k"}
    with Daemon("--app", "tests.support.hostile:app", *shape, folder=tmp_path, environ=environ) as daemon:
        wait_for(lambda: daemon.titled("housekeeper"), what="the housekeeper")
        keepers: set[int] = set()
        seen: Counter[str] = Counter()

        def look() -> None:
            status: dict[str, Any] = client.call("status", timeout=5)["status"]
            json.dumps(status).encode()
            jobs = jobs_in(status)
            views.job_names(jobs, most=len(jobs)).encode()
            seen.update(job["class"] for job in jobs)
            keepers.add(status["housekeeper"]["pid"])
            titles = " ".join(map(title, daemon.tree()))
            assert titles.isprintable(), titles
            assert all(thread.payload for thread in app.workers.threads_working())
            sink.hear()

        with seeded(daemon):
            with Watch(look, 0.1) as watch:
                wait_for(lambda: app.stats.processed >= COUNT, 40, what="all have ended")
            assert watch.looks > 5
            assert len(seen) > 10
            assert daemon.stop(signal.SIGQUIT) == 0
            sink.hear()
            assert unaccounted(redis_client, record, sent) == []
            assert len(keepers) == 1
            told = [line for line in daemon.output().splitlines() if re.match(r"\S+Z (WARNING|ERROR) ", line)]
            told = [line for line in told if not re.search(r" WARNING worker \d+ \[\d+\] .* failed: ", line)]
            assert [line for line in told if "Redis keeps nothing on disk" not in line] == []
            assert redis_client.keys("resque:resqd:inflight:*") == []
            assert sink.ended > COUNT / 2
