"""A Cluster of three masters with a replica each: all of resqd's keys lie in one slot, and follow it."""

from collections.abc import Callable

import pytest

from resqd.store.resque.store import Store
from tests.support.topologies import ClusterOfSix
from tests.support.waiting import wait_for
from tests.system.failover.conftest import Traffic


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
    assert busy.finish() == ([], [])
    assert "recovered the jobs" not in busy.daemon.output()


@pytest.mark.long
def test_a_killed_node_is_followed_by_its_replica(
    cluster: ClusterOfSix, traffic: Callable[[str], Traffic]
) -> None:
    """Whoever asks learns from the other nodes where the slot is now."""
    busy = traffic(cluster.url)
    holder = cluster.holder()
    holder.kill()
    wait_for(lambda: cluster.holder() is not holder, 60, what="the replica has the slot")
    busy.wait_for_new()
    lost, twice = busy.finish()
    assert len(lost) <= 20
    assert len(twice) <= 20


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
