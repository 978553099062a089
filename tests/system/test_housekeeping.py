"""The housekeeper beside what would keep it from its heartbeat: the application's code, and a short HANG_TIMEOUT."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import redis

from tests.support.daemon import Daemon
from tests.support.station import Station
from tests.support.waiting import wait_for

_APP = """
import os, signal, threading, resqd
app = resqd.App()

class Astray:
    def place(self, queue, keys):
        way = os.environ["WAY"]
        if way == "raise":
            raise LookupError("no place today")
        if way == "hang":
            threading.Event().wait(600)
        return "nonsense"

    def save(self, record):
        pass

app.failure_policy.backends = (Astray(),)

@app.job(queue="q", name="Kill", on_crash="fail")
def kill():
    os.kill(os.getpid(), signal.SIGKILL)

@app.job(queue="q", name="Fail")
def fail():
    raise ValueError("as it should")
"""

StartAstray = Callable[[str], Daemon]


@pytest.fixture
def start(tmp_path: Path, redis_url: str) -> Iterator[StartAstray]:
    """Starts a daemon whose failure backend goes astray in a way."""
    (tmp_path / "astray.py").write_text(_APP)
    daemons: list[Daemon] = []

    def one(way: str) -> Daemon:
        flags = (
            "--app",
            "astray:app",
            "--queues",
            "q",
            "--heartbeat-interval",
            "0.3",
            "--prune-interval",
            "3",
        )
        environ = {
            "REDIS_URL": redis_url,
            "WAY": way,
            "PYTHONPATH": str(tmp_path),
            "XDG_RUNTIME_DIR": str(tmp_path),
        }
        daemons.append(Daemon(*flags, "--kill-grace", "0.3", folder=tmp_path, environ=environ))
        return daemons[-1].start()

    yield one
    for daemon in daemons:
        daemon.__exit__(None, None, None)


def push(client: redis.Redis, *names: str) -> None:
    client.sadd("resque:queues", "q")
    client.rpush("resque:queue:q", *(json.dumps({"class": name, "args": [], "id": name}) for name in names))


def beats(client: redis.Redis) -> int:
    return sum(int(count) for count in cast("list[bytes]", client.hvals("resque:resqd:daemons")))


def failed(client: redis.Redis) -> dict[str, str]:
    records = [json.loads(one) for one in cast("list[bytes]", client.lrange("resque:failed", 0, -1))]
    return {record["payload"]["class"]: record["exception"] for record in records}


@pytest.mark.parametrize("way", ["raise", "hang", "nonsense"])
def test_a_backend_that_goes_astray_stops_neither_heartbeat_nor_recovery(
    start: StartAstray, redis_client: redis.Redis, way: str
) -> None:
    """It loses the record of a crash to the default list; the daemon beats on and recovers what comes after."""
    push(redis_client, "Kill")
    daemon = start(way)
    wait_for(lambda: failed(redis_client) == {"Kill": "DirtyExit"}, 10, what="the crashed job is failed")
    before = beats(redis_client)
    wait_for(lambda: beats(redis_client) >= before + 4, 4, what="the heart beats on")
    if way != "hang":
        push(redis_client, "Fail")
        wait_for(lambda: failed(redis_client) == {"Kill": "DirtyExit", "Fail": "ValueError"}, 10)
        assert daemon.stop() == 0
    assert "housekeeper is to be replaced" not in daemon.output()


def test_a_short_hang_timeout_kills_no_healthy_child(tmp_path: Path, redis_url: str) -> None:
    """A housekeeper with little to say is asked first, and its answer counts. A stopped worker is still replaced."""
    with Station(folder=tmp_path, url=redis_url, workers=1, HANG_TIMEOUT="0.5") as daemon:
        [pid] = daemon.pids()
        housekeeper = daemon.status()["housekeeper"]["pid"]
        wait_for(lambda: daemon.workers()[0]["uptime_s"] > 9, 15, what="two rounds of looks have passed")
        assert daemon.status()["housekeeper"]["pid"] == housekeeper
        assert daemon.pids() == [pid]
        assert "killing" not in daemon.output()
        daemon.kick(pid, signal.SIGSTOP)
        daemon.wait_for_line(r"killing worker 0 .*: it was stopped", 15)
        assert daemon.stop() == 0
