"""The doorbell in a real daemon: pushes start jobs at once, and polling takes over where it cannot."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import redis

from resqd.app import App
from resqd.store.redis.embedded import server_binary
from tests.support.daemon import Daemon
from tests.support.server import Server
from tests.support.waiting import wait_for

_JOBS = """
import pathlib, resqd
app = resqd.App()

@app.job(queue="q", name="Touch")
def touch(path):
    pathlib.Path(path).touch()

@app.job(queue="q", name="Again")
def again(path):
    touch.enqueue(path)
"""
NO_POLL = {"INTERVAL": "60"}
"""With this a job that starts within seconds was not found by a poll."""
SOON = 3.0
USER = "belltest"
MakeDaemon = Callable[..., Daemon]


@pytest.fixture
def make_daemon(tmp_path: Path) -> Iterator[MakeDaemon]:
    """Starts a daemon of two workers with two threads on a URL, and ends it with the test."""
    (tmp_path / "bell_jobs.py").write_text(_JOBS)
    started: list[Daemon] = []

    def make(url: str, queues: str = "q", **environ: str) -> Daemon:
        flags = ["--app", "bell_jobs:app", "--queues", queues, "--threads", "2"]
        environ = {
            "REDIS_URL": url,
            "HEARTBEAT_INTERVAL": "10",
            "JOBS_PER_FORK": "0",
            "WORKER_COUNT": "2",
            **environ,
        }
        environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), str(tmp_path)])
        started.append(Daemon(*flags, folder=tmp_path, environ=environ).start())
        return started[-1]

    yield make
    for daemon in started:
        daemon.__exit__(None, None, None)


def payload(path: Path, name: str = "Touch") -> str:
    return json.dumps({"class": name, "args": [str(path)]})


def armed(client: redis.Redis) -> list[dict[str, str]]:
    """The clients that track in broadcast mode: flag B."""
    return [one for one in client.client_list() if "B" in one["flags"]]


def states(pid: int) -> set[str]:
    """What the threads of a process do, in the kernel's letters."""
    stats = (one.read_text() for one in Path(f"/proc/{pid}/task").glob("*/stat"))
    return {stat.rpartition(")")[2].split()[0] for stat in stats}


def expect_run(path: Path, way: str, seconds: float = SOON) -> None:
    wait_for(path.exists, seconds, what=f"the job pushed by {way} ran", every=0.002)


def pops(client: redis.Redis) -> int:
    return int(client.info("commandstats").get("cmdstat_lpop", {}).get("calls", 0))


def wait_until_asleep(client: redis.Redis) -> None:
    """Until no fetcher has looked at its queues for more than a second."""
    last, since = pops(client), time.monotonic()

    def asleep() -> bool:
        nonlocal last, since
        if (now := pops(client)) != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > 1.2

    wait_for(asleep, 20, what="the fetchers sleep", every=0.05)


def by_multi(client: redis.Redis, text: str) -> None:
    with client.pipeline(transaction=True) as transaction:
        transaction.incr("other")
        transaction.rpush("resque:queue:q", text)
        transaction.execute()


def by_lmove(client: redis.Redis, text: str) -> None:
    client.rpush("aside", text)
    client.lmove("aside", "resque:queue:q", "LEFT", "RIGHT")


def by_rename(client: redis.Redis, text: str) -> None:
    client.rpush("aside", text)
    client.rename("aside", "resque:queue:q")


WAYS: dict[str, Callable[[redis.Redis, str], object]] = {
    "RPUSH": lambda client, text: client.rpush("resque:queue:q", text),
    "LPUSH": lambda client, text: client.lpush("resque:queue:q", text),
    "MULTI": by_multi,
    "Lua": lambda client, text: client.eval(
        "redis.call('RPUSH', KEYS[1], ARGV[1])", 1, "resque:queue:q", text
    ),
    "LMOVE": by_lmove,
    "RENAME": by_rename,
}


def test_every_way_to_push_rings(
    make_daemon: MakeDaemon, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """Whoever pushes and by whatever command: the job starts though nobody polls."""
    make_daemon(redis_url, **NO_POLL)
    wait_for(lambda: armed(redis_client), what="the doorbell is armed")
    for turn in range(3):
        for way, push in WAYS.items():
            path = tmp_path / f"{way}-{turn}"
            push(redis_client, payload(path))
            expect_run(path, way)
    App(redis_url).enqueue_to("q", "Touch", str(tmp_path / "enqueued"))
    expect_run(tmp_path / "enqueued", "App.enqueue_to")
    redis_client.rpush("resque:queue:q", payload(tmp_path / "again", "Again"))
    expect_run(tmp_path / "again", "a job")


def test_a_burst_is_shared_and_emptied(
    make_daemon: MakeDaemon, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """More jobs than one fetcher takes, pushed at once and one by one: all start though nobody polls."""
    make_daemon(redis_url, **NO_POLL)
    wait_for(lambda: armed(redis_client), what="the doorbell is armed")
    paths = [tmp_path / f"burst-{number}" for number in range(400)]
    redis_client.rpush("resque:queue:q", *map(payload, paths[:200]))
    for path in paths[200:]:
        redis_client.rpush("resque:queue:q", payload(path))
    wait_for(lambda: all(path.exists() for path in paths), 10, what="every job of the burst ran")


def test_new_queues_of_a_pattern_ring(
    make_daemon: MakeDaemon, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """A queue that did not exist is seen though nobody polls, whether its name or its job is written first."""
    make_daemon(redis_url, "new_*,q", **NO_POLL)
    wait_for(lambda: armed(redis_client), what="the doorbell is armed")
    App(redis_url).enqueue_to("new_a", "Touch", str(tmp_path / "a"))
    expect_run(tmp_path / "a", "App.enqueue_to to a new queue")
    redis_client.rpush("resque:queue:new_b", payload(tmp_path / "b"))
    wait_for(lambda: redis_client.llen("resque:queue:new_b"), what="it is not known yet")
    redis_client.sadd("resque:queues", "new_b")
    expect_run(tmp_path / "b", "RPUSH before SADD")


def test_it_is_armed_anew_after_its_connection_is_cut(
    make_daemon: MakeDaemon, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """Another connection listens, and what was pushed meanwhile is found."""
    make_daemon(redis_url, **NO_POLL)
    old = wait_for(lambda: armed(redis_client), what="the doorbell is armed")[0]
    redis_client.client_kill_filter(_id=old["id"])
    redis_client.rpush("resque:queue:q", payload(tmp_path / "meanwhile"))
    expect_run(tmp_path / "meanwhile", "RPUSH while nobody listened")
    wait_for(lambda: any(one["id"] != old["id"] for one in armed(redis_client)), what="it is armed anew")
    redis_client.rpush("resque:queue:q", payload(tmp_path / "after"))
    expect_run(tmp_path / "after", "RPUSH after it was armed anew")


@pytest.fixture
def user_url(redis_url: str, redis_client: redis.Redis) -> Iterator[str]:
    """A user who may do everything, until `forbid_tracking`."""
    redis_client.acl_setuser(
        USER, enabled=True, nopass=True, keys=["*"], channels=["*"], categories=["+@all"]
    )
    yield redis_url.replace("unix://", f"unix://{USER}:any@")
    redis_client.acl_deluser(USER)


def forbid_tracking(client: redis.Redis) -> None:
    client.acl_setuser(USER, enabled=True, commands=["-client|tracking"])


def test_a_user_who_may_not_track_polls(
    make_daemon: MakeDaemon, user_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """Jobs are found by polling, and the log says once why there is no doorbell."""
    forbid_tracking(redis_client)
    daemon = make_daemon(user_url)
    daemon.wait_for_line("no doorbell.*NOPERM")
    for number in range(3):
        redis_client.rpush("resque:queue:q", payload(tmp_path / f"{number}"))
        expect_run(tmp_path / f"{number}", "RPUSH")
    assert daemon.output().count("no doorbell") == 1
    assert not armed(redis_client)


def test_a_server_without_the_command_is_polled(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """A server whose CLIENT command was renamed away: polling, said once."""
    binary = server_binary()
    assert binary is not None
    with Server(binary, "--rename-command", "CLIENT", "") as server:
        daemon = make_daemon(server.url())
        daemon.wait_for_line("no doorbell.*unknown command")
        with redis.Redis.from_url(server.url()) as client:
            client.rpush("resque:queue:q", payload(tmp_path / "found"))
            expect_run(tmp_path / "found", "RPUSH")
        assert daemon.output().count("no doorbell") == 1
        assert daemon.stop() == 0


def test_fetchers_poll_again_when_the_housekeeper_is_killed(
    make_daemon: MakeDaemon, user_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """Fetchers that slept for seconds in good faith wake, and poll every INTERVAL while there is no bell."""
    daemon = make_daemon(user_url)
    wait_for(lambda: armed(redis_client), what="the doorbell is armed")
    wait_until_asleep(redis_client)
    forbid_tracking(redis_client)  # so that the next housekeeper has no bell either
    (housekeeper,) = daemon.titled("housekeeper")
    housekeeper.kill()
    housekeeper.wait(5)
    for number in range(5):
        redis_client.rpush("resque:queue:q", payload(tmp_path / f"{number}"))
        expect_run(tmp_path / f"{number}", "RPUSH without a housekeeper", 2.0)
    daemon.wait_for_line("no doorbell")
    assert daemon.stop() == 0


def test_the_next_housekeeper_rings_again(
    make_daemon: MakeDaemon, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """After its respawn jobs start without polls, as before."""
    daemon = make_daemon(redis_url, **NO_POLL)
    old = wait_for(lambda: armed(redis_client), what="the doorbell is armed")[0]
    wait_for(lambda: daemon.titled("housekeeper"), what="the housekeeper is titled")[0].kill()
    wait_for(lambda: any(one["id"] != old["id"] for one in armed(redis_client)), what="it is armed anew")
    redis_client.rpush("resque:queue:q", payload(tmp_path / "after"))
    expect_run(tmp_path / "after", "RPUSH after the respawn")
    assert daemon.stop() == 0


def test_a_stopped_worker_hides_no_push(
    make_daemon: MakeDaemon, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """A worker that counts as idle but cannot run leaves every ring to the others."""
    daemon = make_daemon(redis_url, **NO_POLL)
    wait_for(lambda: armed(redis_client), what="the doorbell is armed")
    stopped = wait_for(lambda: daemon.titled("worker 0"), what="the worker is titled")[0]
    wait_until_asleep(redis_client)  # what a reserve under way takes would wait for the worker
    stopped.suspend()
    wait_for(
        lambda: states(stopped.pid) == {"T"}, what="all of its threads stand still, and wait for no ring"
    )
    for number in range(10):
        redis_client.rpush("resque:queue:q", payload(tmp_path / f"{number}"))
        expect_run(tmp_path / f"{number}", "RPUSH beside a stopped worker")
    stopped.resume()
    assert daemon.stop() == 0


def commands(client: redis.Redis, seconds: float) -> int:
    """How many commands the server runs in so many seconds, those inside scripts counted."""
    client.config_resetstat()
    time.sleep(seconds)  # the length of the measurement itself
    stats = cast("dict[str, dict[str, int]]", client.info("commandstats"))
    return sum(facts["calls"] for name, facts in stats.items() if "config" not in name)


ONE_OF_EACH = 12
"""A window may begin just before a heartbeat, a poll and an account of the living."""


def test_an_idle_daemon_asks_little(
    make_daemon: MakeDaemon, redis_url: str, redis_client: redis.Redis
) -> None:
    """At most six commands a second, heartbeats and commands inside scripts counted."""
    make_daemon(redis_url, HEARTBEAT_INTERVAL="2")
    wait_for(lambda: armed(redis_client), what="the doorbell is armed")
    wait_until_asleep(redis_client)
    assert commands(redis_client, 10.0) <= 6 * 10.0 + ONE_OF_EACH


def test_workers_of_a_host_are_asked_for_once(
    make_daemon: MakeDaemon, user_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """Where tracking, CONFIG and INFO are refused, eight idle workers cost no more than one, and start jobs soon."""
    redis_client.acl_setuser(USER, enabled=True, commands=["-client|tracking", "-config", "-info"])
    daemon = make_daemon(user_url, "*", WORKER_COUNT="8", HEARTBEAT_INTERVAL="2")
    daemon.wait_for_line("no doorbell.*NOPERM")
    redis_client.rpush("resque:queue:q", payload(tmp_path / "first"))
    redis_client.sadd("resque:queues", "q")
    expect_run(tmp_path / "first", "RPUSH")
    seconds = 3.0
    wait_for(
        lambda: commands(redis_client, seconds) <= 12 * seconds, 40, what="the host asks little", every=0.1
    )
    redis_client.rpush("resque:queue:q", payload(tmp_path / "last"))
    expect_run(tmp_path / "last", "RPUSH after a rest", 1.5)
    assert daemon.stop() == 0
