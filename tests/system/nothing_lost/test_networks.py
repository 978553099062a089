"""Three hosts and a fourth with Redis, each in a network namespace of its own, whose cables are cut."""

import re
import socket
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import redis

from resqd.store.redis.embedded import server_binary
from tests.support.daemon import Daemon
from tests.support.hosts import Network, why_not
from tests.support.lag import Lag
from tests.support.recorded import Record
from tests.support.server import Server
from tests.support.waiting import wait_for
from tests.system.nothing_lost.conftest import Redis, Start

pytestmark = pytest.mark.long
QUICK = ("--heartbeat-interval", "0.4", "--prune-interval", "2", "--kill-grace", "0.5")
REDIS = 4
PORT = 6379
THREADS = 2


class Fleet(NamedTuple):
    """Daemons on hosts 1 to 3; the test asks Redis through a socket that needs no network."""

    network: Network
    store: Redis
    record: Record
    daemons: list[Daemon]

    def pushed(self, first: int, count: int, seconds: float) -> range:
        """So many jobs that take so long; their numbers."""
        numbers = range(first, first + count)
        for number in numbers:
            self.store.push("Nap", number, seconds)
        return numbers

    def dead(self) -> set[str]:
        """Whom hosts 2 and 3 have taken for dead."""
        said = "".join(each.output() for each in self.daemons[1:])
        return set(re.findall(r"(\S+) has no heartbeat any more", said))

    def all_ended(self, numbers: range) -> Callable[[], bool]:
        """Whether each has ended, and nothing is left in flight."""
        return lambda: set(numbers) <= set(self.record.ends()) and self.store.settled()


@pytest.fixture
def fleet(start: Start, record: Record) -> Iterator[Fleet]:
    """Ends the network after its hosts' daemons."""
    if reason := why_not():
        pytest.skip(reason)
    binary = server_binary()
    assert binary is not None
    with Network(REDIS) as network:
        options = ("--port", str(PORT), "--bind", network.address(REDIS), "--protected-mode", "no")
        with Server(binary, *options, within=network.enter(REDIS)) as server:
            url = f"redis://{network.address(REDIS)}:{PORT}/0"
            daemons = [
                start(
                    *QUICK,
                    host=f"host{number}.example",
                    threads=THREADS,
                    within=network.enter(number),
                    REDIS_URL=url,
                    RESQD_NAME=f"host{number}",
                )
                for number in (1, 2, 3)
            ]
            with redis.Redis.from_url(server.url()) as client:
                store = Redis(client)
                wait_for(
                    lambda: client.hlen("resque:resqd:daemons") == len(daemons), 20, what="three hosts beat"
                )
                yield Fleet(network, store, record, daemons)
                for daemon in daemons:
                    assert daemon.stop() == 0


CUTS: dict[str, tuple[Callable[[Network], None], Callable[[Network], None]]] = {
    "both ways": (lambda network: network.cut(1), lambda network: network.mend(1)),
    "from the host": (lambda network: network.mute(1, REDIS), lambda network: network.unmute(1, REDIS)),
    "to the host": (lambda network: network.mute(REDIS, 1), lambda network: network.unmute(REDIS, 1)),
}


@pytest.mark.parametrize("way", CUTS)
def test_a_host_that_is_cut_off_loses_nothing(fleet: Fleet, way: str) -> None:
    """Longer than PRUNE_INTERVAL, under load: others run what it had, it is fenced, and runs jobs again afterwards."""
    cut, mend = CUTS[way]
    first = fleet.pushed(0, 600, 0.02)
    wait_for(lambda: len(fleet.record.ends()) > 60, 20, what="jobs run")
    cut(fleet.network)
    wait_for(fleet.dead, 40, what="the others have noticed")
    wait_for(fleet.all_ended(first), 40, what="the others have run all of it")
    mend(fleet.network)
    wait_for(lambda: fleet.store.client.hlen("resque:resqd:daemons") == 3, 30, what="it is back")
    more = fleet.pushed(1000, 300, 0.02)
    wait_for(fleet.all_ended(more), 30, what="all hosts go on")
    twice = sum(times - 1 for times in fleet.record.starts().values())
    assert twice <= 60, "what the host had begun, and could not tell the end of"
    assert fleet.store.failures() == []
    assert fleet.dead() == {"host1.example/host1"}


def test_a_short_cut_costs_no_second_start(fleet: Fleet) -> None:
    """Shorter than PRUNE_INTERVAL: what ran meanwhile is acknowledged afterwards."""
    jobs = fleet.pushed(0, 200, 0.02)
    wait_for(lambda: len(fleet.record.ends()) > 20, 20, what="jobs run")
    fleet.network.cut(1)
    ended = len(fleet.record.ends())
    wait_for(lambda: len(fleet.record.ends()) > ended + 20, 20, what="the others go on")
    fleet.network.mend(1)
    wait_for(fleet.all_ended(jobs), 30, what="all have ended")
    assert set(fleet.record.starts().values()) == {1}


def test_a_long_way_to_redis_is_no_outage(start: Start, record: Record) -> None:
    """200 ms to each answer: jobs run, and nobody is taken for dead."""
    binary = server_binary()
    assert binary is not None
    with Server(binary, "--port", "0") as server, redis.Redis.from_url(server.url()) as client:
        port = _listen(client)
        store = Redis(client)
        with Lag(("127.0.0.1", port), seconds=0.2) as lag:
            daemon = start(
                *QUICK, host="far.example", threads=THREADS, REDIS_URL=f"redis://127.0.0.1:{lag.port}/0"
            )
            numbers = range(50)
            for number in numbers:
                store.push("Nap", number, 0.01)
            wait_for(
                lambda: set(numbers) <= set(record.ends()) and store.settled(), 40, what="all have ended"
            )
            assert set(record.starts().values()) == {1}
            assert "no heartbeat" not in daemon.output()
            assert daemon.stop() == 0


def _listen(client: redis.Redis) -> int:
    """Let the server listen on a free port of the loopback too; the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    client.config_set("port", port)
    return port
