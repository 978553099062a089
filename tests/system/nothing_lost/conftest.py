"""Daemons that run the recorded jobs, and what tests ask of Redis about them."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import psutil
import pytest
import redis

from resqd.store.resque.encoding import encode
from tests.support.daemon import Daemon
from tests.support.faults import APP, FAULT
from tests.support.recorded import RECORD, Record
from tests.support.waiting import wait_for

Start = Callable[..., Daemon]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path / "record")


@pytest.fixture
def start(tmp_path: Path, redis_url: str, record: Record) -> Iterator[Start]:
    """Starts daemons that are ended with the test; `fault`: see tests.support.faults; `within` enters namespaces."""
    started: list[Daemon] = []

    def one(
        *flags: str,
        threads: int = 1,
        workers: int = 1,
        host: str = "one.example",
        fault: str = "",
        within: Sequence[str] = (),
        **environ: str,
    ) -> Daemon:
        if fault:
            environ[FAULT] = fault

        folder = tmp_path / f"daemon-{len(started)}"
        folder.mkdir()
        daemon = Daemon(
            "--app", APP if fault else "tests.support.recorded:app", "--queues", "work", "--host", host,
            "--workers", str(workers), "--threads", str(threads), "--jobs-per-fork", "0", *flags,
            folder=folder,
            environ={
                "REDIS_URL": redis_url, RECORD: str(record.path), "LOGGING": "debug",
                "XDG_RUNTIME_DIR": str(folder), **environ,
            },
            command=[*within, sys.executable, "-m", "resqd", "start"],
        )  # fmt: skip
        started.append(daemon)
        return daemon.start()

    yield one
    for daemon in started:
        daemon.__exit__(None, None, None)


def lost_once(payloads: list[bytes]) -> list[bytes]:
    """The same jobs after their process was lost, and nobody could say whether they were to blame."""
    return [b'{"deliveries":0,"recoveries":1,' + payload[1:] for payload in payloads]


class Redis:
    """The test's database, asked in the words of the tests."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client

    def push(self, job: str, *args: Any) -> bytes:
        """Enqueue a job; its payload."""
        payload = encode(job, list(args), id=uuid4().hex)
        self.push_raw(payload)
        return payload

    def push_raw(self, *payloads: bytes) -> None:
        """Enqueue bytes."""
        self.client.sadd("resque:queues", "work")
        self.client.rpush("resque:queue:work", *payloads)

    def queued(self) -> list[bytes]:
        """The payloads in the queue."""
        return cast("list[bytes]", self.client.lrange("resque:queue:work", 0, -1))

    def failures(self) -> list[dict[str, Any]]:
        """The failure records."""
        return [
            json.loads(record) for record in cast("list[bytes]", self.client.lrange("resque:failed", 0, -1))
        ]

    def in_flight(self) -> list[bytes]:
        """The entries in flight, of all incarnations."""
        keys = cast("list[bytes]", self.client.keys("resque:resqd:inflight:*"))
        hashes = [cast("dict[bytes, bytes]", self.client.hgetall(key)) for key in keys]
        return [entry for one in hashes for field, entry in one.items() if not field.startswith(b"!")]

    def suspects(self) -> list[bytes]:
        """The entries of all suspects."""
        keys = cast("list[bytes]", self.client.keys("resque:resqd:suspects:*"))
        return [entry for key in keys for entry in cast("list[bytes]", self.client.lrange(key, 0, -1))]

    def settled(self) -> bool:
        """Whether no job is anywhere but in queues and among the failed."""
        return not self.in_flight() and not self.suspects()

    def processed(self) -> int:
        """Resque's count of processed jobs."""
        return int(cast("bytes | None", self.client.get("resque:stat:processed")) or 0)


@pytest.fixture
def store(redis_client: redis.Redis) -> Redis:
    return Redis(redis_client)


@dataclass(frozen=True, slots=True)
class Scene:
    """All of it together."""

    start: Start
    store: Redis
    record: Record
    folder: Path


@pytest.fixture
def scene(start: Start, store: Redis, record: Record, tmp_path: Path) -> Scene:
    return Scene(start, store, record, tmp_path)


def child(daemon: Daemon, name: str = "worker 0") -> psutil.Process:
    """The daemon's one process of that title."""
    [process] = wait_for(lambda: daemon.titled(name), what=name)
    return process
