"""Births and deaths in the fleet's books; nothing is forked, but channels and pages are real."""

import errno
import os
import selectors
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from resqd.master.child import NO_STATS, Child
from resqd.master.children import ALIVE_EVERY, FORK_AGAIN, SETTLE_MOST, Processes, Spawner
from resqd.master.deaths import Exit
from resqd.master.plan import Fork
from resqd.wire.birth import Kind, Page
from resqd.wire.channel import Channel
from resqd.wire.doorbell import Bells
from resqd.wire.intent import Intent
from resqd.wire.messages import Alive, Farewell, Message, Pong
from tests.support.family import child, fleet

CRASH = Exit(1, status=None, signal=11)
FINE = Exit(1, status=0, signal=None)


class Births:
    """Takes the place of the spawner: children without a process; `error` is what the system says instead."""

    def __init__(self, scene: "Scene") -> None:
        self.error: OSError | None = None
        self.paces: list[float] = []
        self.paused: list[tuple[str, ...] | None] = []
        self._scene = scene

    def spawn(
        self,
        order: Fork,
        *,
        fork: int,
        state: Intent,
        pace: float,
        paused_queues: tuple[str, ...] | None,
    ) -> Child:
        if self.error is not None:
            raise self.error
        self.paces.append(pace)
        self.paused.append(paused_queues)
        return self._scene.child(fork, order.kind, index=order.index, state=state)


class Scene:
    def __init__(self) -> None:
        self.now = 100.0
        self.fleet = fleet()
        self.peers: dict[int, Channel] = {}
        self.births = Births(self)
        self.bells = Bells()
        self.selector = selectors.DefaultSelector()
        self.hooks = 0
        self.processes = Processes(
            fleet=self.fleet,
            spawner=cast(Spawner, self.births),
            bells=self.bells,
            selector=self.selector,
            before_fork=self.before_fork,
            clock=lambda: self.now,
        )

    def before_fork(self) -> None:
        self.hooks += 1

    def child(self, fork: int, kind: Kind = Kind.WORKER, **facts: Any) -> Child:
        ours, theirs = socket.socketpair()
        self.peers[fork] = Channel(theirs)
        return child(fork, kind, channel=Channel(ours), page=Page(2), **facts)

    def born(self, fork: int, kind: Kind = Kind.WORKER, **facts: Any) -> Child:
        self.fleet.children.append(self.child(fork, kind, **facts))
        return self.fleet.children[-1]

    def heard_by(self, one: Child) -> list[Message]:
        return self.peers[one.fork].receive()

    def close(self) -> None:
        for one in self.fleet.children:
            one.channel.close()
            one.page.close()
        for peer in self.peers.values():
            peer.close()
        self.selector.close()
        for descriptor in self.bells.each[0].descriptors:
            os.close(descriptor)


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.close()


def test_a_child_is_counted_and_listened_to(scene: Scene) -> None:
    """It begins with its place's pace; the application's hook runs before workers only."""
    scene.fleet.places.paces[0] = 7.0
    scene.processes.fork(Fork(Kind.WORKER, 0, 2))
    scene.processes.fork(Fork(Kind.HOUSEKEEPER, 0, 0))
    assert (scene.births.paces, scene.hooks, scene.fleet.forks) == ([7.0, 0.0], 1, 2)
    assert [key.data for key in scene.selector.get_map().values()] == scene.fleet.children


def test_a_suspect_is_taken_by_the_fork_for_it(scene: Scene) -> None:
    """The housekeeper's next count may be older than that."""
    scene.fleet.suspects.count = 2
    scene.processes.fork(Fork(Kind.PROBATION, 0, 1))
    assert scene.fleet.suspects.count == 1


def test_a_system_without_room_makes_the_place_wait(scene: Scene) -> None:
    """The number is not used up, and `status` says why the place is empty."""
    scene.births.error = OSError(errno.EAGAIN, "no more processes")
    scene.processes.fork(Fork(Kind.WORKER, 0, 2))
    assert (scene.fleet.children, scene.fleet.forks) == ([], 0)
    assert scene.fleet.places.ready_at == {(Kind.WORKER, 0): scene.now + FORK_AGAIN}
    assert scene.fleet.places.last_exits == {0: "cannot fork a worker: no more processes"}


def test_a_crash_leaves_a_death_to_tell(scene: Scene) -> None:
    """Its counts stay, its jobs are named for recovery, and the housekeeper is told at once."""
    scene.fleet.losses.tell_at = 200.0
    gone = scene.born(1)
    gone.page.cells[0] = 7
    scene.processes.start()
    scene.fleet.ledger.report(1, replace(NO_STATS, processed=5))
    scene.processes.bury(gone, CRASH)
    assert (scene.fleet.children, dict(scene.selector.get_map())) == ([], {})
    assert scene.fleet.losses.deaths[1].running == (7,)
    assert (scene.fleet.losses.tell_at, scene.fleet.ledger.past[:2]) == (0.0, (5, 0))
    assert "was killed by SIGSEGV" in scene.fleet.places.last_exits[0]


def test_a_worker_that_left_in_order_leaves_nothing(scene: Scene) -> None:
    """What it held is settled in Redis."""
    scene.processes.bury(scene.born(1, exiting="recycled"), FINE)
    assert scene.fleet.losses.deaths == {}
    assert scene.fleet.places.ready_at == {}


def test_deaths_at_boot_make_a_place_wait_ever_longer(scene: Scene) -> None:
    """1, 2, 4 ... 30 s; one that lives for a while begins anew."""
    waits = []
    for fork in range(1, 8):
        scene.processes.bury(scene.born(fork, booted=False), CRASH)
        waits.append(scene.fleet.places.ready_at[Kind.WORKER, 0] - scene.now)
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    scene.processes.bury(scene.born(8), CRASH)
    scene.processes.bury(scene.born(9, booted=False), CRASH)
    assert scene.fleet.places.ready_at[Kind.WORKER, 0] - scene.now == 1


def test_the_housekeeper_is_told_of_the_living_and_the_dead(scene: Scene) -> None:
    """Once, until somebody dies or the time for it has come; a leaving daemon waits only so long for its answer."""
    worker, keeper = scene.born(1), scene.born(2, Kind.HOUSEKEEPER, booted=False)
    scene.fleet.forks = 2
    scene.processes.tell_alive(scene.now)
    assert (scene.heard_by(keeper), scene.processes.next_at()) == ([], None)
    keeper.life.booted = True
    for _ in range(2):
        scene.processes.tell_alive(scene.now)
    assert scene.heard_by(keeper) == [Alive(2, (1,), ())]
    assert scene.processes.next_at() == scene.now + ALIVE_EVERY
    scene.processes.bury(worker, CRASH)
    scene.processes.tell_alive(scene.now)
    (told,) = scene.heard_by(keeper)
    assert isinstance(told, Alive)
    assert (told.alive, [death.fork for death in told.deaths]) == ((), [1])
    assert scene.fleet.losses.settle_by == scene.now + SETTLE_MOST


def test_a_full_channel_is_waited_for_until_it_is_empty(scene: Scene) -> None:
    """The selector is told to say when the child takes more."""
    slow = scene.born(1)
    scene.processes.start()
    while not slow.channel.pending:
        slow.channel.send(Pong())
    both = selectors.EVENT_READ | selectors.EVENT_WRITE
    scene.processes.look_at_channels()
    assert scene.selector.get_key(slow.channel).events == both
    scene.heard_by(slow)
    slow.channel.flush()
    scene.processes.look_at_channels()
    assert scene.selector.get_key(slow.channel).events == selectors.EVENT_READ


def test_what_the_dead_had_ended_is_told_before_their_death(scene: Scene) -> None:
    """Else the housekeeper would run again what a failover has brought back."""
    keeper = scene.born(9, Kind.HOUSEKEEPER)
    scene.fleet.farewells.add(Farewell(1, "1-7", ()), scene.now)
    scene.processes.tell_alive(scene.now)
    assert scene.heard_by(keeper) == [Farewell(1, "1-7", ()), Alive(scene.fleet.forks, (), ())]
