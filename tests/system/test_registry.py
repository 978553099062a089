"""The registry on a real server: what pages and Ruby workers read, and that only our own entries are pruned."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
import redis

from resqd.app import App
from resqd.store import payload as payloads
from resqd.store.connection import ConnectionConfig
from resqd.store.embedded import server_binary
from resqd.store.keys import Keys
from resqd.store.registry import Registry, RunningJob
from resqd.store.worker_id import WorkerId
from tests.support.server import Server

ID = WorkerId.build(
    host="web1", pid=42, queues=["a:b", "mail"], worker_count=2, thread_count=4, jobs_per_fork=500
)
RUBY = "ruby1:7:mail"
FORK = "ruby2:8:a~b,mail:2:4:50"


@pytest.fixture
def app(redis_url: str) -> App:
    return App(redis_url)


@pytest.fixture
def registry(redis_url: str) -> Registry:
    client = ConnectionConfig.from_url(redis_url).client()
    return Registry(client=client, keys=Keys(), worker_id=ID.text)


def running(thread: int, raw: bytes = b'{"class":"Send","args":[1],"id":"i"}') -> RunningJob:
    return RunningJob(
        pid=99, thread=thread, queue="mail", run_at=1_700_000_000.7, payload=payloads.decode(raw)
    )


def test_the_id_is_the_forks() -> None:
    """A ':' inside of queues is written `~`; the id reads back, as do stock ids and garbage."""
    assert ID.text == "web1:42:a~b,mail:2:4:500"
    assert WorkerId.parse(ID.text) == ID
    stock = WorkerId.parse(RUBY)
    assert (stock.host, stock.pid, stock.queues, stock.worker_count) == ("ruby1", 7, ("mail",), None)
    assert WorkerId.parse("").pid == 0
    assert (
        WorkerId.build(host="", pid=1, queues=[], worker_count=1, thread_count=1, jobs_per_fork=1).text
        == "unknown:1:*:1:1:1"
    )


def test_heartbeat_registers_each_time(registry: Registry, redis_client: redis.Redis) -> None:
    """Ruby may prune us; the next heartbeat enters everything again, the time of the start as it was."""
    registry.heartbeat()
    started = redis_client.get(f"resque:worker:{ID}:started")
    assert re.fullmatch(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000", started or b"")  # type: ignore[arg-type] # bytes
    redis_client.srem("resque:workers", ID.text)
    redis_client.hdel("resque:workers:heartbeat", ID.text)
    registry.heartbeat()
    assert redis_client.smembers("resque:workers") == {ID.text.encode()}
    assert redis_client.get(f"resque:worker:{ID}:started") == started
    beat: bytes = redis_client.hget("resque:workers:heartbeat", ID.text)  # type: ignore[assignment] # bytes client
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", beat.decode())
    seconds, _ = redis_client.time()
    assert abs(datetime.fromisoformat(beat.decode()).timestamp() - seconds) <= 1


@pytest.mark.parametrize("moment", [0, 951_782_399, 951_782_400, 1_709_164_800, 1_735_689_599, 4_107_542_400])
def test_the_scripts_calendar_is_right(moment: int, redis_client: redis.Redis) -> None:
    """Leap days, ends of years and centuries: the script's date is Python's."""
    from resqd.store import registry  # noqa: PLC0415 - the script is private to its module

    script = registry._HEARTBEAT.replace("redis.call('TIME')[1]", str(moment))
    redis_client.eval(script, 4, "h", "w", "o", "s", "id")
    beat: bytes = redis_client.hget("h", "id")  # type: ignore[assignment] # bytes client
    assert datetime.fromisoformat(beat.decode()) == datetime.fromtimestamp(moment, UTC)


def test_heartbeat_passes_at_maxmemory() -> None:
    """A full server still takes heartbeats, or a live daemon would look dead."""
    binary = server_binary()
    assert binary is not None
    with Server(binary) as server:
        client = ConnectionConfig.from_url(server.url(0)).client()
        client.config_set("maxmemory", 1)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("x", "y")
        Registry(client=client, keys=Keys(), worker_id=ID.text).heartbeat()
        assert client.sismember("resque:workers", ID.text)
        client.close()


def test_running_threads_are_shown_as_the_fork_does(
    registry: Registry, app: App, redis_client: redis.Redis
) -> None:
    """Members and JSON are the fork's, entries expire, and what ended goes with the next publication."""
    registry.heartbeat()
    registry.publish([running(0), running(3)])
    key = f"resque:worker:{ID}:99:3"
    assert redis_client.smembers(f"resque:worker:{ID}:threads") == {
        f"{ID}:99:0".encode(),
        f"{ID}:99:3".encode(),
    }
    assert redis_client.get(key) == (
        b'{"queue":"mail","run_at":"2023-11-14T22:13:20Z","payload":{"class":"Send","args":[1],"id":"i"}}'
    )
    assert 0 < redis_client.ttl(key) <= 60
    status = app.workers.find(ID.text)
    assert status is not None
    assert [(thread.pid, thread.thread, thread.queue) for thread in status.threads_working()] == [
        (99, "0", "mail"),
        (99, "3", "mail"),
    ]
    assert status.jobs_running()[0][1] == {"class": "Send", "args": [1], "id": "i"}
    registry.publish([running(0)])
    assert not redis_client.exists(key)
    registry.publish([])
    assert not redis_client.exists(f"resque:worker:{ID}:threads")
    assert app.workers.working() == []


def test_a_huge_payload_is_shown_by_its_start(registry: Registry, redis_client: redis.Redis) -> None:
    """Pages get an object of bounded size, whatever runs."""
    registry.publish([running(0, b'{"class":"A","args":["' + b"x" * 1_000_000 + b'"]}')])
    shown: bytes = redis_client.get(f"resque:worker:{ID}:99:0")  # type: ignore[assignment] # bytes client
    assert len(shown) < 200_000
    assert json.loads(shown)["payload"]["class"].endswith("A")


def test_kill_goes_through_the_forks_list(registry: Registry, app: App, redis_client: redis.Redis) -> None:
    """A page's Kill, and ours, name the thread in the worker process's list; each is taken once."""
    registry.heartbeat()
    registry.publish([running(0), running(3)])
    thread = app.workers.threads_working()[1]
    thread.kill()
    assert redis_client.lrange(f"resque:worker:{ID}:99:kills", 0, -1) == [b"3"]
    redis_client.rpush(f"resque:worker:{ID}:99:kills", "0", "garbage")
    assert registry.take_kills([98, 99]) == [(99, 3), (99, 0)]
    assert registry.take_kills([98, 99]) == []
    assert registry.take_kills([]) == []


def test_unregister_leaves_nothing(registry: Registry, redis_client: redis.Redis) -> None:
    """At a clean end no key of the daemon's is left."""
    registry.heartbeat()
    registry.publish([running(0)])
    redis_client.set(f"resque:stat:processed:{ID}", 5)
    redis_client.rpush(f"resque:worker:{ID}:99:kills", "0")
    registry.unregister([99])
    assert redis_client.keys("*") == []


def test_only_our_own_dead_are_pruned(registry: Registry, app: App, redis_client: redis.Redis) -> None:
    """A Ruby worker's entry stays, however old; ours goes when it did not beat, and not before."""
    redis_client.sadd("resque:workers", RUBY, FORK)
    redis_client.hset("resque:workers:heartbeat", RUBY, "2001-01-01T00:00:00+00:00")
    redis_client.hset("resque:workers:heartbeat", FORK, "2001-01-01T00:00:00+02:00")
    registry.heartbeat()
    registry.publish([running(0)])
    assert app.workers.prune(30) == []
    redis_client.hset("resque:workers:heartbeat", ID.text, "2001-01-01T00:00:00Z")
    assert app.workers.prune(30) == [ID.text]
    assert [worker.id.text for worker in app.workers.all()] == [RUBY, FORK]
    assert redis_client.keys(f"resque:worker:{ID}*") == []


def test_ruby_workers_are_seen(app: App, redis_client: redis.Redis) -> None:
    """Stock Resque's single job and the fork's threads are read from where they write them."""
    redis_client.sadd("resque:workers", RUBY, FORK)
    payload = {"class": "A", "args": []}
    job = json.dumps({"queue": "mail", "run_at": "2026-01-01T00:00:00Z", "payload": payload})
    redis_client.set(f"resque:worker:{RUBY}", job)
    redis_client.sadd(f"resque:worker:{FORK}:threads", f"{FORK}:9:1", f"{FORK}:9:2")
    redis_client.set(f"resque:worker:{FORK}:9:1", job)
    redis_client.set(f"resque:worker:{FORK}:9:2", "broken")
    found = [(str(thread.worker.id), thread.pid, thread.thread) for thread in app.workers.threads_working()]
    assert found == [(RUBY, 7, "0"), (FORK, 9, "1")]
    assert app.info()["working"] == 2
    assert app.workers.find("nobody:1:q") is None
