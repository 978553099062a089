"""Asking for all idle workers of a host, where the server does not let us listen."""

from collections.abc import Iterator

import pytest

from resqd.errors import StoreUnavailable
from resqd.housekeeper.stand_in import IN_VAIN, NAMES_EVERY, RARELY, Pause, StandIn
from resqd.store.keys import Keys
from resqd.store.resque.served import Served
from resqd.wire.doorbell import Bell


class Scene:
    """A stand-in over a real bell; `jobs` are the lists that exist, and the test says what the time is."""

    def __init__(self, *queues: str) -> None:
        self.bell = Bell()
        self.jobs: set[str] = set()
        self.names: list[bytes] = []
        self.asked: list[str] = []
        self.now = 0.0
        self.away = False
        self.closed = 0
        served = Served(call=self.call, keys=Keys(), queues=queues)
        self.stand_in = StandIn(
            bell=self.bell, served=served, close=self.close, interval=0.1, clock=lambda: self.now
        )

    def call(self, *words: str) -> object:
        if self.away:
            raise StoreUnavailable("away")
        self.asked.append(words[0])
        return self.names if words[0] == "SMEMBERS" else len(self.jobs.intersection(words[1:]))

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene("mail", "low")
    yield made
    made.bell.unmap()


def test_nobody_waits_and_nothing_is_asked(scene: Scene) -> None:
    """Workers may rely on being rung all the same."""
    assert scene.stand_in.turn() is None
    assert scene.asked == []
    assert scene.bell.works


def test_one_question_serves_all_and_becomes_rare(scene: Scene) -> None:
    """All queues in one command; a job rings one of those that wait, once until it has woken."""
    scene.bell.set_idle(1, idle=True)
    scene.bell.set_idle(2, idle=True)
    pauses = [scene.stand_in.turn() for _ in range(20)]
    assert set(scene.asked) == {"EXISTS"}
    assert len(scene.asked) == 20
    assert pauses[0] == pytest.approx(0.11)
    assert pauses[-1] == RARELY
    scene.jobs.add("resque:queue:low")
    assert scene.stand_in.turn() == 0.1
    assert scene.bell.take()
    assert not scene.bell.take()


def test_a_ring_that_was_not_taken_is_not_repeated(scene: Scene) -> None:
    """Whoever wakes finds all that is there."""
    scene.bell.set_idle(1, idle=True)
    scene.jobs.add("resque:queue:mail")
    scene.stand_in.turn()
    scene.stand_in.turn()
    assert scene.bell.take()
    assert not scene.bell.take()


def test_who_was_rung_in_vain_is_left_alone_for_a_while(scene: Scene) -> None:
    """The jobs there may be paused, or over a limit: they would be rung for without end."""
    scene.bell.set_idle(1, idle=True)
    scene.jobs.add("resque:queue:mail")
    scene.stand_in.turn()
    assert scene.bell.take()
    scene.bell.answer(found=False)
    assert scene.stand_in.turn() == IN_VAIN
    assert not scene.bell.take()
    assert scene.stand_in.turn() == 0.1
    assert scene.bell.take()


def test_the_set_of_queues_is_believed_for_a_while() -> None:
    """Patterns cost a second command, once a second; those that match are asked for."""
    scene = Scene("tenant.*")
    scene.bell.set_idle(1, idle=True)
    scene.stand_in.turn()
    assert scene.asked == ["SMEMBERS"]  # no queue, nothing to ask
    scene.names, scene.now = [b"tenant.1", b"other"], NAMES_EVERY
    scene.jobs.add("resque:queue:other")
    scene.stand_in.turn()
    assert not scene.bell.take()
    scene.jobs.add("resque:queue:tenant.1")
    scene.stand_in.turn()
    assert scene.bell.take()
    assert scene.asked == ["SMEMBERS", "SMEMBERS", "EXISTS", "EXISTS"]
    scene.bell.unmap()


def test_a_lost_connection_is_closed(scene: Scene) -> None:
    """The thread goes back to trying to listen."""
    scene.bell.set_idle(1, idle=True)
    scene.away = True
    with pytest.raises(StoreUnavailable):
        scene.stand_in.run(leave=scene.bell.wanted, seconds=1.0)
    assert scene.closed == 1


def test_a_long_interval_stays() -> None:
    """Slower than the slowest: as it was given."""
    pause = Pause(5.0)
    pause.asked(found=False)
    assert pause.seconds == 5.0
