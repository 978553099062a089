"""A master, two replicas and three Sentinels: jobs go on where the Sentinels point."""

import contextlib
import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.support.topologies import Watched
from tests.support.waiting import wait_for
from tests.system.failover.conftest import Traffic


@pytest.mark.long
def test_a_killed_master_is_followed_by_a_replica(
    watched: Watched, traffic: Callable[[str], Traffic]
) -> None:
    """Pushes fail meanwhile, as they must; then jobs run again, and nobody takes a living worker's jobs away."""
    busy = traffic(watched.url)
    before = watched.master()
    before.kill()
    wait_for(lambda: watched.promoted(before), 30, what="a replica is promoted")
    busy.wait_for_new()
    found = busy.finish()
    # Replication is asynchronous: what the dead master had confirmed within its last moment nobody else knows.
    assert found.lost == []
    assert len(found.forgotten) <= 20
    assert len(found.twice) <= 20
    assert busy.refused
    assert "recovered the jobs" not in busy.daemon.output()


def test_a_master_that_stands_still_is_left_at_once(
    watched: Watched, traffic: Callable[[str], Traffic]
) -> None:
    """Its sockets stay open and silent; the Sentinels' word, not a timeout, ends the waiting for them."""
    busy = traffic(watched.url)
    before = watched.master()
    before.signal(signal.SIGSTOP)
    wait_for(lambda: watched.promoted(before), 30, what="a replica is promoted")
    busy.daemon.wait_for_line("another Redis server takes the writes now", 10)
    assert "nothing came for 7 s" not in busy.daemon.output()
    busy.wait_for_new()  # the producer has nobody to tell it, and waits for its timeout
    found = busy.finish()
    assert found.lost == []
    assert len(found.forgotten) <= 20
    assert len(found.twice) <= 20


class Faults:
    """What happens to a master. Each returns when it has been done, and not when it is over."""

    @staticmethod
    def killed(servers: Watched) -> None:
        servers.master().kill()

    @staticmethod
    def stopped(servers: Watched) -> None:
        servers.master().signal(signal.SIGSTOP)

    @staticmethod
    def planned(servers: Watched) -> None:
        """The old master takes writes until it is told, and is a read-only replica afterwards."""
        servers.sentinels[0].call("SENTINEL", "FAILOVER", servers.NAME)


LAG = 0.07
"""Seconds that replicas are behind."""
BEFORE = 1.0
"""Seconds before the fault in which a job may have run that runs again: what Redis had not replicated, and the load."""


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("behind", [False, True], ids=["in step", "behind"])
@pytest.mark.parametrize("fault", [Faults.killed, Faults.stopped, Faults.planned])
def test_nothing_is_lost_that_redis_kept(
    watched: Watched,
    traffic: Callable[[str], Traffic],
    fault: Callable[[Watched], None],
    behind: bool,
    seed: int,
) -> None:
    """Nothing sticks, nobody is taken for dead, and what runs again had not ended, or not in the replica's eyes."""
    pick = random.Random(seed)
    before = watched.master()
    with contextlib.ExitStack() as stack:
        busy = traffic(watched.url)
        if behind:
            stack.enter_context(watched.behind(LAG))
        busy.run_for(pick.uniform(0.2, 1.5))
        began = time.monotonic()
        fault(watched)
        wait_for(lambda: watched.promoted(before), 30, what="a replica is promoted")
        promoted = time.monotonic()
        busy.wait_for_new()
        resumed = time.monotonic() - promoted
        busy.run_for(1.0)
        found = busy.finish()
    assert found.lost == []
    assert all(busy.pushed[number] > began - BEFORE for number in found.forgotten)
    assert all(first > began - BEFORE for first in found.twice.values())
    assert "recovered the jobs" not in busy.daemon.output()
    assert resumed < 10 if fault is Faults.stopped else resumed < 5
