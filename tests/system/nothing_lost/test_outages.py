"""Redis goes away in every way: the daemon says so once, waits, loses nothing, and goes on when it is back."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from resqd.store.redis.embedded import server_binary
from tests.support.daemon import Daemon
from tests.support.proxy import Proxy
from tests.support.server import Server
from tests.support.waiting import wait_for
from tests.system.nothing_lost.conftest import Redis, Scene

OVER = r"Redis is back after"


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of the test's own, that loses nothing when it is killed."""
    binary = server_binary()
    assert binary is not None
    with Server(binary, "--appendonly", "yes", "--appendfsync", "always") as one:
        yield one


@pytest.fixture
def own(server: Server) -> Iterator[Redis]:
    with redis.Redis.from_url(server.url()) as client:
        yield Redis(client)


def status(daemon: Daemon) -> dict[str, Any]:
    """What `resqctl status --json` says."""
    script = "from resqd.cli.resqctl import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "status", "--json"],
        env={**os.environ, "XDG_RUNTIME_DIR": str(daemon.log.parent), "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        timeout=20,
        check=True,
    )  # fmt: skip
    return cast("dict[str, Any]", json.loads(done.stdout))


def trouble(daemon: Daemon) -> str:
    """What status says about Redis."""
    return str(status(daemon)["housekeeper"]["redis"])


def warnings(daemon: Daemon) -> list[str]:
    """The daemon's own lines that say that Redis is in trouble."""
    return [line for line in daemon.output().splitlines() if "trying again until it is back" in line]


def test_redis_is_down_at_the_start(scene: Scene, server: Server, own: Redis) -> None:
    """The daemon starts, `resqctl` says what is wrong, and within 5 s of Redis's start jobs run."""
    own.push("Nap", 1)
    server.kill()
    daemon = scene.start(workers=2, REDIS_URL=server.url())
    daemon.wait_for_line("trying again until it is back")
    wait_for(lambda: "cannot reach Redis" in trouble(daemon))
    server.start()
    wait_for(lambda: scene.record.ends()[1] == 1, 5.5)
    daemon.wait_for_line(OVER)
    assert len(warnings(daemon)) == 1
    assert daemon.stop() == 0


def test_a_restart_under_load_loses_nothing(scene: Scene, server: Server, own: Redis) -> None:
    """Killed while jobs run: they end once, none is run again, and the next ones run within 5 s."""
    for number in range(40):
        own.push("Nap", number, 0.05)
    daemon = scene.start(threads=4, workers=2, REDIS_URL=server.url())
    wait_for(lambda: len(scene.record.ends()) > 5)
    server.kill()
    daemon.wait_for_line("trying again until it is back")
    server.start()
    wait_for(lambda: len(scene.record.ends()) == 40, 8)
    wait_for(lambda: own.settled() and own.processed() == 40)
    assert set(scene.record.starts().values()) == {1}
    daemon.wait_for_line(OVER)
    assert len(warnings(daemon)) == 1
    assert daemon.stop() == 0


def test_after_a_long_outage_nobody_is_taken_for_dead(scene: Scene, server: Server, own: Redis) -> None:
    """Away for twice PRUNE_INTERVAL: both daemons still have what they had, and neither recovers from the other."""
    gate = scene.folder / "gate"
    flags = ("--heartbeat-interval", "0.4", "--prune-interval", "2")
    for number in range(2):
        own.push("Wait", number, str(gate))
    daemons = [
        scene.start(*flags, host=f"{name}.example", REDIS_URL=server.url(), RESQD_NAME=name)
        for name in ("left", "right")
    ]
    wait_for(lambda: len(scene.record.starts()) == 2)
    server.kill()
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 4, 10)
    server.start()
    for daemon in daemons:
        daemon.wait_for_line(OVER)
    beaten = cast("dict[bytes, bytes]", own.client.hgetall("resque:resqd:daemons"))
    wait_for(
        lambda: all(
            int(count) >= int(beaten[life]) + 8
            for life, count in cast("dict[bytes, bytes]", own.client.hgetall("resque:resqd:daemons")).items()
        )
    )
    assert len(own.in_flight()) == 2
    gate.touch()
    wait_for(lambda: own.processed() == 2 and own.settled())
    assert scene.record.starts() == {0: 1, 1: 1}
    for daemon in daemons:
        assert "no heartbeat any more" not in daemon.output()
        assert daemon.stop() == 0


def test_a_wrong_password_is_said_and_tried_seldom(scene: Scene, server: Server, own: Redis) -> None:
    """A message of its own, once; each connection tries at most once in 5 s; the right one is taken up later."""
    own.client.config_set("requirepass", "right")
    daemon = scene.start(REDIS_URL=server.url().replace("unix://", "unix://:wrong@"))
    daemon.wait_for_line("refuses us")
    wait_for(lambda: "refuses us" in trouble(daemon))
    assert "wrong" not in daemon.output()
    before = _refusals(own)
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 4, 10)
    assert _refusals(own) - before <= 3  # the worker, the keeper and the doorbell
    assert daemon.output().count("that does not pass by itself") == 1
    assert warnings(daemon) == []
    own.client.config_set("requirepass", "")
    assert daemon.stop() == 0


def _refusals(own: Redis) -> int:
    errors = cast("dict[str, dict[str, int]]", own.client.info("errorstats"))
    return sum(facts["count"] for name, facts in errors.items() if "WRONGPASS" in name)


def test_a_read_only_replica_moves_nothing_and_is_waited_for(
    scene: Scene, server: Server, own: Redis
) -> None:
    """READONLY after a failover: the job that ran is acknowledged within 5 s of the end of it, and runs once."""
    daemon = scene.start(threads=2, REDIS_URL=server.url())
    gate = scene.folder / "gate"
    own.push("Wait", 1, str(gate))
    wait_for(lambda: scene.record.starts()[1] == 1)
    own.push("Nap", 2)
    wait_for(lambda: scene.record.ends()[2] == 1 and own.processed() == 1)
    own.client.execute_command("REPLICAOF", "127.0.0.1", "1")
    daemon.wait_for_line("trying again until it is back")
    gate.touch()
    wait_for(lambda: scene.record.ends()[1] == 1)
    assert len(own.in_flight()) == 1
    own.client.execute_command("REPLICAOF", "NO", "ONE")
    wait_for(lambda: own.processed() == 2 and own.settled(), 5.5)
    assert set(scene.record.starts().values()) == {1}
    assert daemon.stop() == 0


def test_a_full_server_drains_and_recovers(scene: Scene, server: Server, own: Redis) -> None:
    """At maxmemory: jobs run, failures are recorded, a killed worker's job comes back, the heartbeat beats."""
    gate = scene.folder / "gate"
    for number in range(20):
        own.push("Nap", number)
    own.push("Raise", 20)
    own.push("Wait", 21, str(gate))
    own.client.config_set("maxmemory", "1")
    daemon = scene.start(REDIS_URL=server.url())
    wait_for(lambda: scene.record.starts()[21] == 1)
    os.kill(scene.record.pids(21)[0], signal.SIGKILL)
    wait_for(lambda: scene.record.starts()[21] == 2, 5)
    gate.touch()
    wait_for(lambda: own.processed() == 22 and own.settled())
    assert [failure["payload"]["args"] for failure in own.failures()] == [[20]]
    [count] = cast("list[bytes]", own.client.hvals("resque:resqd:daemons"))
    wait_for(lambda: own.client.hvals("resque:resqd:daemons") != [count], 5)
    assert daemon.stop() == 0


def test_a_network_that_drops_packets_is_noticed(scene: Scene, server: Server, own: Redis) -> None:
    """Nothing comes back though nothing is closed: said within 10 s, and work goes on when packets flow again."""
    with Proxy(server.socket) as proxy:
        daemon = scene.start(REDIS_URL=proxy.url)
        own.push("Nap", 1)
        wait_for(lambda: scene.record.ends()[1] == 1)
        wait_for(own.settled)
        proxy.silence(11)
        daemon.wait_for_line("trying again until it is back", 10)
        own.push("Nap", 2)
        wait_for(lambda: scene.record.ends()[2] == 1, 20)
        daemon.wait_for_line(OVER)
        assert daemon.stop() == 0
