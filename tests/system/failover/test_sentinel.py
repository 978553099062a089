"""A master, two replicas and three Sentinels: jobs go on where the Sentinels point."""

import signal
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
    lost, twice = busy.finish()
    # Replication is asynchronous: what the dead master had confirmed within its last moment nobody else knows.
    assert len(lost) <= 20
    assert len(twice) <= 20
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
    lost, twice = busy.finish()
    assert len(lost) <= 20
    assert len(twice) <= 20
