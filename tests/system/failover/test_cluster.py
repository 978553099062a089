"""A Cluster of three masters with a replica each: all of resqd's keys lie in one slot, and follow it."""

import random
import time
from collections.abc import Callable

import pytest

from resqd.store.resque.store import Store
from tests.support.topologies import ClusterOfSix
from tests.support.waiting import wait_for
from tests.system.failover.conftest import Outcome, Traffic


def test_jobs_follow_their_slot(cluster: ClusterOfSix, traffic: Callable[[str], Traffic]) -> None:
    """It moves from node to node under load, and a planned failover comes after: nothing is lost or run twice."""
    busy = traffic(cluster.url)
    for _ in range(3):
        target = next(node for node in cluster.nodes[:3] if node is not cluster.holder())
        cluster.move("{resque}:queues", target)
        busy.wait_for_new()
    holder = cluster.holder()
    cluster.nodes[cluster.nodes.index(holder) + 3].call("CLUSTER", "FAILOVER")
    wait_for(lambda: cluster.holder() is not holder, 20, what="the replica has the slot")
    busy.wait_for_new()
    assert busy.finish() == Outcome(lost=[], forgotten=[], twice={})
    assert "recovered the jobs" not in busy.daemon.output()


class Faults:
    """What happens to the slot's master; each returns when it is over."""

    @staticmethod
    def killed(cluster: ClusterOfSix, _busy: Traffic) -> None:
        """Whoever asks learns from the other nodes where the slot is now."""
        holder = cluster.holder()
        holder.kill()
        wait_for(lambda: cluster.holder() is not holder, 60, what="the replica has the slot")

    @staticmethod
    def planned(cluster: ClusterOfSix, _busy: Traffic) -> None:
        holder = cluster.holder()
        cluster.nodes[cluster.nodes.index(holder) + 3].call("CLUSTER", "FAILOVER")
        wait_for(lambda: cluster.holder() is not holder, 20, what="the replica has the slot")

    @staticmethod
    def moved(cluster: ClusterOfSix, busy: Traffic) -> None:
        """Six times, each time with jobs that run halfway."""
        for _ in range(6):
            target = next(node for node in cluster.nodes[:3] if node is not cluster.holder())
            cluster.move("{resque}:queues", target, between=lambda: busy.run_for(0.1))
            busy.wait_for_new()

    @staticmethod
    def extended(cluster: ClusterOfSix, busy: Traffic) -> None:
        """A node comes, serves the slot for a while, and goes."""
        home, guest = cluster.holder(), cluster.join()
        cluster.move("{resque}:queues", guest)
        busy.wait_for_new()
        cluster.move("{resque}:queues", home)
        cluster.leave(guest)


BEFORE = 1.0
"""Seconds before the fault in which a job may have run that runs again: what Redis had not replicated, and the load."""


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fault", [Faults.killed, Faults.planned, Faults.moved, Faults.extended])
def test_nothing_is_lost_that_redis_kept(
    cluster: ClusterOfSix,
    traffic: Callable[[str], Traffic],
    fault: Callable[[ClusterOfSix, Traffic], None],
    seed: int,
) -> None:
    """Nothing sticks, nobody is taken for dead, and only where a node died jobs run again that had just ended."""
    busy = traffic(cluster.url)
    busy.run_for(random.Random(seed).uniform(0.2, 1.5))
    began = time.monotonic()
    fault(cluster, busy)
    over = time.monotonic()
    busy.wait_for_new()
    resumed = time.monotonic() - over
    busy.run_for(1.0)
    found = busy.finish()
    assert found.lost == []
    if fault is not Faults.killed:
        assert found == Outcome(lost=[], forgotten=[], twice={})
    assert all(busy.pushed[number] > began - BEFORE for number in found.forgotten)
    assert all(first > began - BEFORE for first in found.twice.values())
    assert "recovered the jobs" not in busy.daemon.output()
    assert resumed < 10


def test_what_is_looked_up_follows_too(cluster: ClusterOfSix) -> None:
    """redis-py's client serves the commands and `app.queues()`: all that it sends goes to the right node."""
    store = Store.of(url=cluster.url, namespace="resque")
    store.push("a", [b"{}", b"{}"])
    assert store.books.queues.sizes() == {"a": 2}
    target = next(node for node in cluster.nodes[:3] if node is not cluster.holder())
    cluster.move("{resque}:queues", target)
    assert store.books.queues.sizes() == {"a": 2}
    assert store.books.queues.remove("a") == 2
    assert store.books.info()["pending"] == 0
    store.close()
