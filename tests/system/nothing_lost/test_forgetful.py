"""Redis takes no failure records, or forgets what it had confirmed: nothing is lost, and nothing runs again for it."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
import redis

from resqd.store.redis.embedded import server_binary
from tests.support.server import Server
from tests.support.waiting import wait_for
from tests.system.nothing_lost.conftest import Redis, Scene, child

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAGS = ("--heartbeat-interval", "0.5")


def failed_arguments(store: Redis) -> list[int]:
    """The numbers of the jobs in `failed`, sorted."""
    return sorted(failure["payload"]["args"][0] for failure in store.failures())


def started(scene: Scene, number: int, times: int) -> bool:
    """Whether a job has begun so often."""
    return scene.record.starts()[number] == times


@pytest.mark.parametrize("permits", ["0", "1"])
def test_a_refused_failed_list_stops_no_job(scene: Scene, permits: str) -> None:
    """Of many failures each runs once and is recorded when the list is one again; other jobs run meanwhile.

    Whether the worker that ran them lives on, or has left them to recovery.
    """
    store = scene.store
    store.client.set("resque:failed", "not a list")
    for number in range(6):
        store.push("Raise" if number % 2 else "Nap", number)
    daemon = scene.start("--jobs-per-fork", permits, *FLAGS, threads=1, workers=2)
    wait_for(lambda: len(scene.record.starts()) == 6, 20)
    wait_for(lambda: len(store.in_flight()) == 3)
    daemon.wait_for_line("resque:failed: WRONGTYPE")
    store.push("Nap", 6)
    wait_for(lambda: scene.record.ends()[6] == 1)
    wait_for(lambda: len(store.in_flight()) == 3)
    if permits == "1":  # the recycled workers' jobs are looked for every 10 s, and at a daemon's start
        assert daemon.stop() == 0
        assert len(store.in_flight()) == 3
        daemon = scene.start("--jobs-per-fork", permits, *FLAGS)
    store.client.delete("resque:failed")
    wait_for(lambda: failed_arguments(store) == [1, 3, 5], 20)
    wait_for(store.settled)
    assert set(scene.record.starts().values()) == {1}
    assert store.client.get("resque:stat:failed") == b"3"
    assert daemon.stop() == 0


def test_a_conviction_is_not_forgotten_when_the_list_refuses_it(scene: Scene) -> None:
    """A crashed job stays in flight with its record, its neighbours go on, and a new daemon records it at last."""
    store = scene.store
    store.client.set("resque:failed", "not a list")
    store.push("PoisonOnce", 1)
    daemon = scene.start(*FLAGS)
    daemon.wait_for_line("stay in flight, since no list takes them: resque:failed: WRONGTYPE")
    for number in (2, 3):
        store.push("Poison", number)
        wait_for(partial(started, scene, number, 3), 20)
    store.push("Nap", 4)
    wait_for(lambda: scene.record.ends()[4] == 1)
    assert daemon.stop() == 0
    assert len(store.in_flight()) == 3
    store.client.delete("resque:failed")
    daemon = scene.start(*FLAGS)
    wait_for(lambda: failed_arguments(store) == [1, 2, 3], 20)
    wait_for(store.settled)
    assert scene.record.starts() == {1: 1, 2: 3, 3: 3, 4: 1}
    assert daemon.stop() == 0


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that keeps nothing but what SAVE writes."""
    binary = server_binary()
    assert binary is not None
    with Server(binary) as one:
        yield one


@pytest.mark.parametrize("end", ["goes on", "drains"])
def test_ends_that_redis_has_lost_are_told_again(scene: Scene, server: Server, end: str) -> None:
    """Back from an older state, it holds jobs that have run: they are acknowledged, recorded, and not run again."""
    with redis.Redis.from_url(server.url()) as client:
        store = Redis(client)
        gates = [scene.folder / f"gate{number}" for number in range(2)]
        daemon = scene.start(*FLAGS, threads=4, REDIS_URL=server.url())
        store.push("Wait", 0, str(gates[0]))
        for number in (1, 2, 3):
            store.push("Wait", number, str(gates[1]))
        wait_for(lambda: len(scene.record.starts()) == 4)
        client.save()
        gates[1].touch()
        wait_for(lambda: store.processed() == 3)
        server.kill()
        server.start()
        if end == "goes on":
            wait_for(lambda: len(store.in_flight()) == 1)
        else:
            daemon.send(signal.SIGQUIT)
        daemon.wait_for_line("3 of them have ended and are acknowledged again")
        gates[0].touch()
        wait_for(store.settled)
        assert store.processed() == 4
        assert store.queued() == []
        if end == "goes on":
            assert daemon.stop() == 0
        else:
            assert daemon.wait(15) == 0
    assert scene.record.starts() == {0: 1, 1: 1, 2: 1, 3: 1}


def test_a_killed_worker_leaves_no_failure_to_run_again(scene: Scene) -> None:
    """Its refused record is in Redis, not in its memory: recovery knows that the job has run."""
    store = scene.store
    store.client.set("resque:failed", "not a list")
    store.push("Raise", 1)
    daemon = scene.start(*FLAGS)
    wait_for(lambda: store.client.get("resque:stat:failed") == b"1")
    os.kill(child(daemon).pid, signal.SIGKILL)
    daemon.wait_for_line("stay in flight, since no list takes them")
    store.client.delete("resque:failed")
    wait_for(lambda: failed_arguments(store) == [1], 20)
    wait_for(store.settled)
    assert scene.record.starts() == {1: 1}
    assert daemon.stop() == 0
