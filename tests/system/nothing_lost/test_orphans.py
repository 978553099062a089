"""The master is killed beside workers that cannot hear of it: they are ended, and nothing runs twice at a time."""

import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from tests.support.daemon import Daemon
from tests.support.processes import alive
from tests.support.waiting import wait_for
from tests.system.nothing_lost.conftest import Scene, child, lost_once

QUICK = ("--heartbeat-interval", "0.4", "--prune-interval", "2", "--kill-grace", "0.3")


def deaf(scene: Scene, way: str, daemon: Daemon, number: int) -> psutil.Process:
    """A worker that runs this job, and will not hear of its master's end."""
    wait_for(lambda: scene.record.starts()[number] == 1)
    daemon.tree()
    worker = psutil.Process(scene.record.pids(number)[0])
    if way == "stopped":
        worker.suspend()
    return worker


def push(scene: Scene, way: str, number: int) -> None:
    if way == "stopped":
        scene.store.push("Wait", number, str(scene.folder / "gate"))
    else:
        scene.store.push("Hold", number, str(scene.folder / "gate"))


def ends_first(worker: psutil.Process, again: Callable[[], object], seconds: float) -> None:
    """The process is gone before `again` is true."""

    def looked() -> bool:
        started, lives = again(), alive(worker.pid)
        assert not (started and lives), "the job runs twice at a time"
        return bool(started)

    wait_for(looked, seconds, what="the job runs again")


@pytest.mark.parametrize("way", ["holds the GIL", "stopped"])
def test_the_housekeeper_ends_its_siblings_and_brings_back_their_jobs(scene: Scene, way: str) -> None:
    """One that is alone on its host: no process is left after KILL_GRACE and a margin, and the job is in its queue."""
    push(scene, way, 1)
    payload = scene.store.queued()
    daemon = scene.start(*QUICK, workers=2)
    worker = deaf(scene, way, daemon, 1)
    daemon.process.kill()
    killed_at = time.monotonic()
    daemon.expect_gone(8)
    assert time.monotonic() - killed_at > 0.3
    assert f"killed the worker of pid {worker.pid}" in daemon.output()
    assert daemon.output().count("killed the worker") == 1
    assert scene.store.queued() == lost_once(payload)
    assert scene.store.settled()
    assert scene.store.client.hgetall("resque:resqd:daemons") == {}


@pytest.mark.parametrize("way", ["holds the GIL", "stopped"])
def test_a_new_daemon_waits_for_the_housekeeper_before_it(scene: Scene, way: str) -> None:
    """Started at once: the job begins again when its first process is gone, and not by PRUNE_INTERVAL's lapse."""
    push(scene, way, 1)
    first = scene.start(*QUICK)
    worker = deaf(scene, way, first, 1)
    first.process.kill()
    first.process.wait(10)
    (scene.folder / "gate").touch()
    second = scene.start(*QUICK)
    ends_first(worker, lambda: scene.record.starts()[1] == 2, 25)
    first.expect_gone()
    wait_for(lambda: scene.store.processed() == 1)
    assert second.stop() == 0
    assert scene.store.failures() == []


@pytest.mark.parametrize("way", ["holds the GIL", "stopped"])
def test_the_next_daemon_ends_what_master_and_housekeeper_left(scene: Scene, way: str) -> None:
    """Both are killed at once: nobody is left to end the worker but the next daemon of the name, which does it."""
    push(scene, way, 1)
    first = scene.start(*QUICK)
    worker = deaf(scene, way, first, 1)
    housekeeper = child(first, "housekeeper")
    os.kill(first.pid, signal.SIGSTOP)  # so that it cannot fork another
    housekeeper.kill()
    first.process.kill()
    first.process.wait(10)
    (scene.folder / "gate").touch()
    second = scene.start(*QUICK)
    ends_first(worker, lambda: scene.record.starts()[1] == 2, 25)
    second.wait_for_line(rf"killed the worker of pid {worker.pid}: its master is gone")
    wait_for(lambda: scene.store.processed() == 1)
    assert second.stop() == 0
    first.expect_gone()


def test_a_daemon_of_another_name_ends_them_too(scene: Scene) -> None:
    """On the same machine, though the silence alone would give it the jobs; on another it could not know."""
    push(scene, "stopped", 1)
    first = scene.start(*QUICK, RESQD_NAME="first")
    worker = deaf(scene, "stopped", first, 1)
    housekeeper = child(first, "housekeeper")
    os.kill(first.pid, signal.SIGSTOP)
    housekeeper.kill()
    first.process.kill()
    first.process.wait(10)
    (scene.folder / "gate").touch()
    second = scene.start(*QUICK, RESQD_NAME="second", host="two.example")
    ends_first(worker, lambda: scene.record.starts()[1] == 2, 25)
    wait_for(lambda: scene.store.processed() == 1 and scene.store.settled())
    assert second.stop() == 0
    first.expect_gone()


def test_what_a_job_has_forked_is_no_worker(scene: Scene) -> None:
    """It has a life of its own: it is neither waited for nor killed when the master is."""
    scene.store.push("Detach", 1)
    daemon = scene.start(*QUICK)
    wait_for(lambda: scene.record.ends()[1] == 1)
    [copy] = wait_for(lambda: [pid for word, _, pid in scene.record.lines() if word == "detached"])
    try:
        daemon.tree()
        daemon.process.kill()
        daemon.process.wait(10)
        others = [one for one in daemon._seen.values() if one.pid != copy]
        wait_for(lambda: not any(one.is_running() and alive(one.pid) for one in others), 3)
        assert alive(copy)
        assert "killed the worker" not in daemon.output()
    finally:
        psutil.Process(copy).send_signal(signal.SIGKILL)


def test_a_reload_leaves_no_worker_behind_either(scene: Scene) -> None:
    """After an exec in place the new housekeeper knows the old program's workers, and the master is the same."""
    push(scene, "stopped", 1)
    daemon = scene.start(*QUICK)
    wait_for(lambda: scene.record.starts()[1] == 1)
    old = child(daemon, "housekeeper").pid
    daemon.send(signal.SIGHUP)
    wait_for(lambda: [one.pid for one in daemon.titled("housekeeper")] not in ([], [old]), 20)
    wait_for(lambda: [one.pid for one in daemon.titled("housekeeper")] != [old], 20)
    worker = deaf(scene, "stopped", daemon, 1)
    daemon.process.kill()
    daemon.expect_gone(8)
    assert f"killed the worker of pid {worker.pid}" in daemon.output()
    assert scene.store.settled()
