"""The registry on a real server: what pages and Ruby workers read, and that only our own entries are pruned."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
import redis

from resqd.app import App
from resqd.housekeeper.registry import Pruner
from resqd.store.keys import Keys
from resqd.store.names import WorkerId
from resqd.store.redis.client import redis_client
from resqd.store.redis.embedded import server_binary
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import Script
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.registry import Registry, RunningJob
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
    link = Link(ConnectionConfig.from_url(redis_url))
    return Registry(link=link, keys=Keys(), life="web1/resqd:e1", worker_id=ID.text)


def running(
    thread: int, *, pid: int = 99, token: int = 1, raw: bytes = b'{"class":"Send","args":[1],"id":"i"}'
) -> RunningJob:
    return RunningJob(pid=pid, thread=thread, token=token, queue="mail", run_at=1_700_000_000.7, payload=raw)


def commands_of(client: redis.Redis) -> int:
    """How many commands the server has run, those inside of scripts too."""
    return sum(each["calls"] for each in client.info("commandstats").values())


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


def test_what_strangers_write_there_is_passed_over(
    registry: Registry, app: App, redis_client: redis.Redis
) -> None:
    """Members and wishes to kill that name no thread, in digits of other scripts or too many, stop nothing."""
    odd = ["", "x", "1", "²:³", f"{ID}:²:3", f"{ID}:99:" + "9" * 5_000, f"{ID}:98:0"]
    redis_client.sadd(f"resque:worker:{ID}:threads", b"\xff:1:", *odd)
    redis_client.rpush(f"resque:worker:{ID}:99:kills", "²", "9" * 5_000, "", "-1", "3")
    registry.heartbeat()
    registry.publish([running(3)])
    redis_client.rpush(f"resque:worker:{ID}:99:kills", "²", "9" * 5_000, "", "-1", "3")
    assert registry.asked_to_kill() == [(99, 3)]
    assert [thread.thread for thread in app.workers.threads_working()] == ["3"]
    assert f"{ID}:98:0".encode() not in redis_client.smembers(f"resque:worker:{ID}:threads")


def test_heartbeat_registers_each_time(registry: Registry, redis_client: redis.Redis) -> None:
    """Ruby may prune us; the next heartbeat enters everything again, the time of the start as it was."""
    assert not registry.heartbeat()
    assert registry.heartbeat(register=False)
    started = redis_client.get(f"resque:worker:{ID}:started")
    assert re.fullmatch(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000", started or b"")  # type: ignore[arg-type] # bytes
    redis_client.srem("resque:workers", ID.text)
    redis_client.hdel("resque:workers:heartbeat", ID.text)
    assert not registry.heartbeat(register=False)
    assert redis_client.smembers("resque:workers") == {ID.text.encode()}
    assert redis_client.get(f"resque:worker:{ID}:started") == started
    beat: bytes = redis_client.hget("resque:workers:heartbeat", ID.text)  # type: ignore[assignment] # bytes client
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", beat.decode())
    seconds, _ = redis_client.time()
    assert abs(datetime.fromisoformat(beat.decode()).timestamp() - seconds) <= 1
    assert redis_client.hget("resque:resqd:daemons", "web1/resqd:e1") == b"3"


def test_a_heartbeat_is_cheap(registry: Registry, redis_client: redis.Redis) -> None:
    """Where the registry knows us, a heartbeat is four commands, the one that calls the script among them."""
    registry.heartbeat()
    before = commands_of(redis_client)
    registry.heartbeat(register=False)
    assert commands_of(redis_client) - before == 4 + 1  # and INFO


@pytest.mark.parametrize("moment", [0, 951_782_399, 951_782_400, 1_709_164_800, 1_735_689_599, 4_107_542_400])
def test_the_scripts_calendar_is_right(moment: int, redis_client: redis.Redis) -> None:
    """Leap days, ends of years and centuries: the script's date is Python's."""
    script = Script.load("resque/heartbeat").source.replace("local now = time[1]", f"local now = {moment}")
    redis_client.eval(script, 8, "d", "h", "w", "o", "s", "i", "l", "a", "host/name", "id", "", "2", "10")
    beat: bytes = redis_client.hget("h", "id")  # type: ignore[assignment] # bytes client
    assert datetime.fromisoformat(beat.decode()) == datetime.fromtimestamp(moment, UTC)


def test_heartbeat_passes_at_maxmemory() -> None:
    """A full server still takes heartbeats, or a live daemon would look dead."""
    binary = server_binary()
    assert binary is not None
    with Server(binary) as server:
        client = redis_client(ConnectionConfig.from_url(server.url(0)))
        client.config_set("maxmemory", 1)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("x", "y")
        link = Link(ConnectionConfig.from_url(server.url(0)))
        Registry(link=link, keys=Keys(), life="web1/resqd:e1", worker_id=ID.text).heartbeat()
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


def test_what_a_housekeeper_left_behind_is_cleared(
    registry: Registry, redis_url: str, redis_client: redis.Redis
) -> None:
    """A housekeeper that died leaves entries; the next one's first look removes what runs no more."""
    registry.publish([running(0), running(1)])
    link = Link(ConnectionConfig.from_url(redis_url))
    successor = Registry(link=link, keys=Keys(), life="web1/resqd:e1", worker_id=ID.text)
    successor.publish([running(1)])
    assert redis_client.smembers(f"resque:worker:{ID}:threads") == {f"{ID}:99:1".encode()}
    assert not redis_client.exists(f"resque:worker:{ID}:99:0")


def test_nothing_is_sent_when_nothing_changed(registry: Registry, redis_client: redis.Redis) -> None:
    """The same jobs again cost no command; a refresh and another job on the same thread do."""
    registry.publish([running(0)])
    before = commands_of(redis_client)
    registry.publish([running(0)])
    assert commands_of(redis_client) == before + 1  # our own INFO
    redis_client.delete(f"resque:worker:{ID}:threads", f"resque:worker:{ID}:99:0")
    registry.publish([running(0)], refresh=True)
    assert redis_client.exists(f"resque:worker:{ID}:threads", f"resque:worker:{ID}:99:0") == 2
    registry.publish([running(0, token=2, raw=b'{"class":"Other"}')])
    assert b"Other" in (redis_client.get(f"resque:worker:{ID}:99:0") or b"")


def test_kill_goes_through_the_forks_list(registry: Registry, app: App, redis_client: redis.Redis) -> None:
    """A page's Kill, and ours, name the thread in the worker process's list; each is taken once."""
    registry.heartbeat()
    registry.publish([running(0), running(3)])
    thread = app.workers.threads_working()[1]
    thread.kill()
    assert redis_client.lrange(f"resque:worker:{ID}:99:kills", 0, -1) == [b"3"]
    redis_client.rpush(f"resque:worker:{ID}:99:kills", "0", "garbage")
    assert registry.asked_to_kill() == [(99, 3), (99, 0)]
    assert registry.asked_to_kill() == []


def test_a_kill_for_a_job_that_ended_kills_no_later_one(
    registry: Registry, redis_client: redis.Redis
) -> None:
    """What was asked before a process showed its first job, or after it showed none, is dropped."""
    redis_client.rpush(f"resque:worker:{ID}:99:kills", "0")
    registry.publish([running(0)])
    assert registry.asked_to_kill() == []
    registry.publish([])
    redis_client.rpush(f"resque:worker:{ID}:99:kills", "0")
    assert registry.asked_to_kill() == []
    registry.publish([running(0, token=2), running(0, pid=98)])
    assert registry.asked_to_kill() == []


def test_unregister_leaves_nothing(registry: Registry, redis_client: redis.Redis) -> None:
    """At a clean end no key of the daemon's is left."""
    registry.heartbeat()
    registry.publish([running(0)])
    redis_client.set(f"resque:stat:processed:{ID}", 5)
    redis_client.rpush(f"resque:worker:{ID}:99:kills", "0")
    registry.unregister()
    assert redis_client.keys("*") == [b"resque:resqd:daemons"]


def test_only_our_own_dead_are_pruned(registry: Registry, app: App, redis_client: redis.Redis) -> None:
    """A Ruby worker's entry stays, however old; ours goes when it did not beat, and not before."""
    redis_client.sadd("resque:workers", RUBY, FORK)
    redis_client.hset("resque:workers:heartbeat", RUBY, "2001-01-01T00:00:00+00:00")
    redis_client.hset("resque:workers:heartbeat", FORK, "2001-01-01T00:00:00+02:00")
    registry.heartbeat()
    registry.publish([running(0)])
    assert app.workers.prune(30) == []
    redis_client.hset("resque:workers:heartbeat", ID.text, "2001-01-01T00:00:00Z")
    assert registry.beats() == {ID.text: "2001-01-01T00:00:00Z"}
    assert app.workers.prune(30) == [ID.text]
    assert [worker.id.text for worker in app.workers.all()] == [RUBY, FORK]
    assert redis_client.keys(f"resque:worker:{ID}*") == []


def test_another_daemons_entries_are_forgotten(
    registry: Registry, redis_url: str, redis_client: redis.Redis
) -> None:
    """A host that died leaves nothing on the pages once another has struck it off."""
    registry.heartbeat()
    registry.publish([running(0)])
    link = Link(ConnectionConfig.from_url(redis_url))
    other = Registry(link=link, keys=Keys(), life="web2/resqd:e2", worker_id="web2:1:*:1:1:1")
    other.forget(ID.text)
    assert redis_client.keys("*") == [b"resque:resqd:daemons"]


def test_a_pruner_waits_for_daemons_that_register_less_often_than_it_is_patient(
    registry: Registry, redis_url: str, redis_client: redis.Redis
) -> None:
    """One that tells to register every 10 s is struck off after 30; one that tells nothing after the pruner's 2."""
    now = [0.0]
    link = Link(ConnectionConfig.from_url(redis_url))
    slow = Registry(
        link=link, keys=Keys(), life="w/s:1", worker_id="w:1:*:1:1:1", beats_every=2, registers_every=10
    )
    pruner = Pruner(registry=registry, worker_id="w:9:*:1:1:1", patience=2.0, clock=lambda: now[0])
    registry.heartbeat()
    slow.heartbeat()
    known = {}
    for now[0] in range(32):
        pruner.look()
        known[now[0]] = len(registry.beats())
    assert [known[at] for at in (0, 1, 2, 29, 30)] == [2, 2, 1, 1, 0]
    assert redis_client.hgetall(Keys().intervals) == {b"w/s:1": b"2"}


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
