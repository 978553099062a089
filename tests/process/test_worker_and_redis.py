"""One worker whose Redis refuses its failure records, or has lost what it had confirmed."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import pytest

from resqd.app import App
from resqd.wire.messages import Drain, Exiting, Pause, State, Stats
from resqd.worker import exchange, holdings, prefetch, unrecorded
from tests.support.lone_worker import LoneWorker
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HASH = "resque:resqd:inflight:*"


class Scene:
    """The worker's jobs, and what they have left."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.app = App()
        self._url = url
        for name, job in (("quick", self._quick), ("fail", self._fail), ("gate", self._gate)):
            self.app.job(queue="q", name=name)(job)

    def worker(self, **options: Any) -> LoneWorker:
        return LoneWorker(self.app, url=self._url, **options)

    def ran(self) -> Counter[str]:
        """How often each job began."""
        path = self.folder / "ran"
        return Counter(path.read_text().split()) if path.exists() else Counter()

    def _note(self, name: str) -> None:
        with (self.folder / "ran").open("a") as file:
            file.write(f"{name}\n")

    @property
    def _quick(self) -> Callable[[str], None]:
        def quick(name: str) -> None:
            self._note(name)

        return quick

    @property
    def _fail(self) -> Callable[[str], None]:
        def fail(name: str) -> None:
            self._note(name)
            raise ValueError(name)

        return fail

    @property
    def _gate(self) -> Callable[[str], None]:
        def gate(name: str) -> None:
            self._note(name)
            while not (self.folder / "open").exists():
                time.sleep(0.01)

        return gate


@pytest.fixture
def scene(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(unrecorded, "TRY_EVERY", 0.1)
    return Scene(tmp_path, redis_url)


def entries(worker: LoneWorker) -> dict[str, bytes]:
    """What is in flight, by token."""
    found: dict[bytes, bytes] = {}
    for key in cast("list[bytes]", worker.client.keys(HASH)):
        found |= cast("dict[bytes, bytes]", worker.client.hgetall(key))
    return {field.decode(): value for field, value in found.items() if not field.startswith(b"!")}


def recorded(worker: LoneWorker) -> list[str]:
    """The ids in the failed list, in order."""
    records = cast("list[bytes]", worker.client.lrange("resque:failed", 0, -1))
    return [json.loads(record)["payload"]["id"] for record in records]


def push(worker: LoneWorker, job: str, *names: str) -> None:
    payloads = [json.dumps({"class": job, "args": [name], "id": name}) for name in names]
    worker.client.rpush("resque:queue:q", *payloads)


def entry(job: str, name: str) -> str:
    """As `push` would have it in flight."""
    return "1:q" + json.dumps({"class": job, "args": [name], "id": name})


def lose_connection(worker: LoneWorker) -> None:
    """Close what the worker has open to Redis, as a restart does."""
    own = worker.client.client_id()
    database = worker.client.client_info()["db"]
    for client in worker.client.client_list():
        if client["db"] == str(database) and int(client["id"]) != own:
            worker.client.client_kill_filter(_id=client["id"])


def test_a_refused_failed_list_stops_nothing(scene: Scene) -> None:
    """Successes are counted and new jobs taken; the failed ones run once, stay in flight, and are recorded later."""
    with scene.worker() as worker:
        worker.client.set("resque:failed", "not a list")
        push(worker, "fail", "a", "b", "c")
        push(worker, "quick", *"123456789")
        wait_for(lambda: len(scene.ran()) == 12)
        worker.hear(Stats, lambda stats: (stats.processed, stats.failed) == (12, 3))
        wait_for(lambda: len(entries(worker)) == 3)
        push(worker, "quick", "x")
        wait_for(lambda: scene.ran()["x"] == 1)
        worker.client.delete("resque:failed")
        wait_for(lambda: sorted(recorded(worker)) == ["a", "b", "c"])
        wait_for(lambda: entries(worker) == {})
        assert worker.client.get("resque:stat:failed") == b"3"
        worker.tell(Drain())
        assert worker.end() == 0
        assert worker.client.keys(HASH) == []
    assert set(scene.ran().values()) == {1}


@pytest.mark.parametrize("reason", ["left", "recycled"])
def test_a_worker_leaves_though_it_could_not_record(scene: Scene, reason: str) -> None:
    """At a drain and after its last permit: the job stays in flight for recovery, its record beside it."""
    with scene.worker(JOBS_PER_FORK="1" if reason == "recycled" else "0") as worker:
        worker.client.set("resque:failed", "not a list")
        push(worker, "fail", "a", "b")
        wait_for(lambda: scene.ran()["a"] == 1)
        if reason == "left":
            wait_for(lambda: len(scene.ran()) == 2)
            worker.tell(Drain())
        assert worker.end() == 0
        assert worker.heard[-1] == Exiting(reason)
        assert len(entries(worker)) == len(scene.ran())
        [key] = cast("list[bytes]", worker.client.keys(HASH))
        fields = cast("list[bytes]", worker.client.hkeys(key))
        assert {field for field in fields if field.startswith(b"!")} >= {
            f"!{token}".encode() for token in entries(worker)
        }
        assert worker.client.llen("resque:queue:q") == 2 - len(scene.ran())
        assert len(cast("list[bytes]", worker.client.keys("resque:resqd:index:*"))) == 1


def test_too_many_refused_records_stop_the_taking(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many wait at the most; what is taken after the list is mended runs as ever."""
    monkeypatch.setattr(unrecorded, "MOST", 2)
    with scene.worker(slots=1) as worker:
        worker.client.set("resque:failed", "not a list")
        push(worker, "fail", "a", "b")
        wait_for(lambda: len(entries(worker)) == 2)
        worker.hear(Stats, lambda stats: stats.failed == 2)
        push(worker, "quick", "1")
        heard = len(worker.heard)
        worker.hear(Stats, lambda stats: stats in worker.heard[heard:])
        assert worker.client.llen("resque:queue:q") == 1
        worker.client.delete("resque:failed")
        wait_for(lambda: scene.ran()["1"] == 1)


@pytest.mark.parametrize("seen", ["now and then", "after an outage"])
def test_what_redis_has_lost_of_ends_is_told_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, seen: str
) -> None:
    """Ended jobs are acknowledged again and failed ones recorded again, neither runs; one that is not known does."""
    monkeypatch.setattr(exchange, "LOOK_EVERY", 0.2 if seen == "now and then" else 3600)
    with scene.worker() as worker:
        push(worker, "gate", "long")
        wait_for(lambda: scene.ran()["long"] == 1)
        before = entries(worker)
        push(worker, "quick", "ended")
        wait_for(lambda: worker.client.get("resque:stat:processed") == b"1")
        push(worker, "fail", "failed")
        wait_for(lambda: recorded(worker) == ["failed"])
        wait_for(lambda: entries(worker) == before)
        [key] = cast("list[bytes]", worker.client.keys(HASH))
        worker.client.delete("resque:failed", "resque:stat:processed")
        worker.client.hset(key, "2.0", entry("quick", "ended"))
        worker.client.hset(key, "3.0", entry("fail", "failed"))
        worker.client.hset(key, "9.7", entry("quick", "stranger"))
        if seen == "after an outage":
            lose_connection(worker)
        wait_for(lambda: scene.ran()["stranger"] == 1)
        wait_for(lambda: entries(worker) == before)
        assert recorded(worker) == ["failed"]
        (scene.folder / "open").touch()
        wait_for(lambda: entries(worker) == {})
        assert worker.client.get("resque:stat:processed") == b"4"
    assert scene.ran() == {"long": 1, "ended": 1, "failed": 1, "stranger": 1}


def test_the_last_request_loses_no_end(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that leaves just after Redis has lost an end asks first, and puts back nothing that has run."""
    monkeypatch.setattr(exchange, "LOOK_EVERY", 3600)
    with scene.worker() as worker:
        push(worker, "quick", "ended")
        wait_for(lambda: worker.client.get("resque:stat:processed") == b"1")
        wait_for(lambda: entries(worker) == {})
        [key] = cast("list[bytes]", worker.client.keys(HASH))
        worker.tell(Pause())  # it has nothing to ask of Redis before its good-bye
        worker.hear(State, lambda state: state.name == "paused")
        worker.client.hset(key, "1.0", entry("quick", "ended"))
        lose_connection(worker)
        worker.tell(Drain())
        assert worker.end() == 0
        assert worker.client.llen("resque:queue:q") == 0
        assert worker.client.keys(HASH) == []
    assert scene.ran() == {"ended": 1}


def test_what_redis_has_lost_of_a_reserve_is_dropped(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that wait behind a busy thread, and are in their queue again, do not run from here as well."""
    monkeypatch.setattr(exchange, "LOOK_EVERY", 0.2)
    monkeypatch.setattr(holdings, "STUCK_AFTER", 60.0)
    # Nine are taken for their pace, which is not forgotten.
    monkeypatch.setattr(prefetch, "REST", 60.0)
    with scene.worker(slots=1, pace=2_000.0, THREAD_COUNT="1") as worker:
        names = ["gate", *"abcdefgh"]
        with worker.client.pipeline() as pipe:
            pipe.rpush("resque:queue:q", json.dumps({"class": "gate", "args": ["gate"], "id": "gate"}))
            for name in names[1:]:
                pipe.rpush("resque:queue:q", json.dumps({"class": "quick", "args": [name], "id": name}))
            pipe.execute()
        wait_for(lambda: scene.ran()["gate"] == 1)
        wait_for(lambda: len(entries(worker)) == 9)
        [key] = cast("list[bytes]", worker.client.keys(HASH))
        before = entries(worker)
        lost = {token: value for token, value in before.items() if value[-3:-2] in b"abcd"}
        assert len(lost) == 4
        with worker.client.pipeline() as pipe:
            pipe.hdel(key, *lost)
            pipe.rpush("resque:queue:other", *(value[3:] for value in lost.values()))
            pipe.execute()
        wait_for(lambda: entries(worker).keys() - before.keys())  # the other four, taken once more
        (scene.folder / "open").touch()
        wait_for(lambda: entries(worker) == {} and worker.client.llen("resque:queue:q") == 0)
        assert worker.client.llen("resque:queue:other") == 4
    assert scene.ran() == dict.fromkeys(["gate", *"efgh"], 1)
