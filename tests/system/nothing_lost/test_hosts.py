"""Daemons that die, hang or come back, seen by others: their jobs return, and no living one is taken for dead."""

import os
import signal
from collections.abc import Iterator
from typing import cast

import psutil
import pytest

from tests.support.daemon import Daemon
from tests.support.waiting import wait_for
from tests.system.nothing_lost.conftest import Redis, Scene

QUICK = ("--heartbeat-interval", "0.4", "--prune-interval", "2", "--kill-grace", "0.5")


@pytest.fixture
def frozen() -> Iterator[list[psutil.Process]]:
    """Processes that are stopped; they go on at the test's end at the latest."""
    processes: list[psutil.Process] = []
    yield processes
    for one in processes:
        if one.is_running():
            one.resume()


def host(scene: Scene, name: str, *, threads: int = 1) -> Daemon:
    return scene.start(*QUICK, host=f"{name}.example", threads=threads, RESQD_NAME=name)


def lives(store: Redis) -> set[str]:
    """The names of the daemons that are on the list."""
    listed = cast("dict[bytes, bytes]", store.client.hgetall("resque:resqd:daemons"))
    return {life.decode().rpartition(":")[0] for life in listed}


def test_a_dead_hosts_jobs_are_run_by_another(scene: Scene) -> None:
    """Everything there is killed at once: after PRUNE_INTERVAL its jobs run elsewhere, and nothing of it is left."""
    gate = scene.folder / "gate"
    scene.store.push("Wait", 1, str(gate))
    dead = host(scene, "dead")
    wait_for(lambda: scene.record.starts()[1] == 1)
    heir = host(scene, "heir")
    for one in reversed(dead.tree()):
        one.kill()
    dead.process.wait(10)
    wait_for(lambda: scene.record.starts()[1] == 2, 10)
    gate.touch()
    wait_for(lambda: lives(scene.store) == {"heir.example/heir"} and scene.store.settled())
    heir.wait_for_line("dead.example/dead has no heartbeat any more: 1 of its jobs are back")
    workers = cast("set[bytes]", scene.store.client.smembers("resque:workers"))
    wait_for(lambda: len(cast("set[bytes]", scene.store.client.smembers("resque:workers"))) == 1, 10)
    assert len(workers) <= 2
    assert scene.store.processed() == 1
    assert heir.stop() == 0


def test_a_host_that_comes_back_is_fenced_and_starts_afresh(
    scene: Scene, frozen: list[psutil.Process]
) -> None:
    """Stopped past PRUNE_INTERVAL: its job runs elsewhere, its own end of it counts nothing, it says so and goes on."""
    gate = scene.folder / "gate"
    scene.store.push("Wait", 1, str(gate))
    late = host(scene, "late")
    wait_for(lambda: scene.record.starts()[1] == 1)
    frozen += late.tree()
    for one in frozen:
        one.suspend()
    heir = host(scene, "heir")
    wait_for(lambda: scene.record.starts()[1] == 2, 10)
    gate.touch()
    wait_for(lambda: scene.store.processed() == 1)
    for one in frozen:
        one.resume()
    late.wait_for_line("its jobs were recovered, this worker gives way to a new one")
    wait_for(lambda: scene.record.ends()[1] == 2)
    assert heir.stop() == 0
    scene.store.push("Nap", 2)
    wait_for(lambda: scene.record.ends()[2] == 1)
    wait_for(lambda: scene.store.processed() == 2 and scene.store.settled())
    assert scene.store.failures() == []
    assert late.stop() == 0


def test_a_daemon_whose_heart_beats_slower_than_others_are_patient_is_not_fenced(scene: Scene) -> None:
    """HEARTBEAT_INTERVAL 4 beside another host's PRUNE_INTERVAL 1: its job runs once."""
    gate = scene.folder / "gate"
    scene.store.push("Wait", 1, str(gate))
    slow = scene.start(
        "--heartbeat-interval", "4", "--prune-interval", "9", host="slow.example", RESQD_NAME="slow"
    )
    wait_for(lambda: scene.record.starts()[1] == 1)
    wait_for(lambda: lives(scene.store) == {"slow.example/slow"} and max(_beats(scene.store)) > 0)
    flags = ("--heartbeat-interval", "0.2", "--prune-interval", "1")
    hasty = scene.start(*flags, host="hasty.example", RESQD_NAME="hasty")
    wait_for(lambda: max(_beats(scene.store), default=0) > 17, 10, what="three times its patience")
    assert "has no heartbeat any more" not in hasty.output()
    assert scene.record.starts()[1] == 1
    gate.touch()
    wait_for(lambda: scene.store.processed() == 1)
    assert (slow.stop(), hasty.stop()) == (0, 0)


def test_a_namesake_in_another_container_is_not_convicted(scene: Scene) -> None:
    """A live daemon of the same host's name and name, whose pids mean nothing here, keeps its jobs while it beats."""
    gate = scene.folder / "gate"
    scene.store.push("Wait", 1, str(gate))
    one = scene.start(*QUICK)
    wait_for(lambda: scene.record.starts()[1] == 1)
    _rewrite_place(scene.store)  # to us it is as if it ran in another pid namespace
    other = scene.start(*QUICK)
    scene.store.push("Nap", 2)
    wait_for(lambda: scene.record.ends()[2] == 1)
    beats = _beats(scene.store)
    wait_for(lambda: min(_beats(scene.store)) > max(beats) + 8, 15)  # longer than PRUNE_INTERVAL
    assert scene.record.starts()[1] == 1
    gate.touch()
    wait_for(lambda: scene.store.processed() == 2 and scene.store.settled())
    assert scene.record.starts()[1] == 1
    assert (one.stop(), other.stop()) == (0, 0)


def _beats(store: Redis) -> list[int]:
    return [int(count) for count in cast("list[bytes]", store.client.hvals("resque:resqd:daemons"))]


def _rewrite_place(store: Redis) -> None:
    index = "resque:resqd:index:one.example/resqd"
    for own_id, facts in cast("dict[bytes, bytes]", store.client.hgetall(index)).items():
        store.client.hset(index, own_id, facts.replace(b"pid:[", b"pid:[9").replace(b'"pid": ', b'"pid": 9'))


def test_a_killed_and_stopped_housekeeper_costs_no_job(scene: Scene) -> None:
    """Workers go on without it; it is replaced; nobody convicts the daemon meanwhile."""
    one, other = host(scene, "one"), host(scene, "other")
    for number in range(30):
        scene.store.push("Nap", number, 0.1)
    wait_for(lambda: len(scene.record.ends()) > 2)
    [housekeeper] = wait_for(lambda: one.titled("housekeeper"), what="the housekeeper is titled")
    os.kill(housekeeper.pid, signal.SIGKILL)
    wait_for(lambda: len(scene.record.ends()) == 30, 15)
    wait_for(lambda: [found.pid for found in one.titled("housekeeper")] not in ([], [housekeeper.pid]))
    assert set(scene.record.starts().values()) == {1}
    assert (one.stop(), other.stop()) == (0, 0)
    assert lives(scene.store) == set()
