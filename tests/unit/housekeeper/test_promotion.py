"""When jobs that are due are moved: the turns of one housekeeper, by a clock that the test sets."""

from collections.abc import Callable
from typing import cast

from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.housekeeper.promotion import ASK_AGAIN, POLL_EVERY, PROVE_EVERY, Promotion
from resqd.store.later.ear import Ear
from resqd.store.later.later import Later, Promoted
from resqd.store.redis.health import Backoff

AHEAD = 1_000.0
"""Redis's time less the test's clock."""


class Scene:
    """Jobs by the moment when they are due, by Redis's time."""

    def __init__(self, *, daemons: int = 1) -> None:
        self.now = 0.0
        self.due: list[float] = []
        self.moved: list[float] = []
        self.waits: list[float] = []
        self.sleeps: list[float] = []
        self.calls: list[str] = []
        self.failing: dict[str, StoreError] = {}
        self.interrupt: Callable[[], None] | None = None
        self.promotion = Promotion(
            ear=cast(Ear, self),
            later=cast(Later, self),
            daemons=lambda: daemons,
            backoff=Backoff(lambda: 0.0),
            clock=lambda: self.now,
            random=lambda: 0.5,
            sleep=self.sleep,
        )

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failing:
            raise self.failing.pop(name)

    def first(self) -> float | None:
        self._call("first")
        return min(self.due, default=None)

    def promote(self) -> Promoted:
        self._call("promote")
        redis = self.now + AHEAD
        ready = [due for due in self.due if due <= redis]
        self.due = [due for due in self.due if due > redis]
        self.moved += ready
        left = min(self.due) - redis if self.due else None
        return Promoted(len(ready), 0, left, redis)

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        if self.interrupt is not None:
            interrupt, self.interrupt = self.interrupt, None
            interrupt()
            return True
        self.now += seconds
        return False

    def prove(self) -> None:
        self._call("prove")


def turns(scene: Scene, count: int) -> None:
    for _ in range(count):
        scene.promotion.turn()


def test_it_sleeps_until_the_first_is_due() -> None:
    """By Redis's clock, of which the first call tells; then it is moved at once."""
    scene = Scene()
    scene.due = [AHEAD + 2.0]
    turns(scene, 3)
    assert scene.moved == [AHEAD + 2.0]
    assert scene.waits == [2.0]
    assert scene.now == 2.0


def test_an_earlier_job_wakes_it() -> None:
    """It looks again, and sleeps until that one is due."""
    scene = Scene()
    scene.due = [AHEAD + 4.0]
    scene.interrupt = lambda: scene.due.append(AHEAD + 1.0)
    turns(scene, 5)
    assert scene.waits[:2] == [4.0, 1.0]
    assert scene.moved[0] == AHEAD + 1.0


def test_nothing_to_do_costs_a_proof_now_and_then() -> None:
    """That the server still takes writes, and so would tell of a change."""
    scene = Scene()
    turns(scene, 2)
    assert scene.calls == ["first", "prove", "first", "prove"]
    assert scene.now == 2 * PROVE_EVERY


def test_of_many_daemons_each_waits_a_little_longer() -> None:
    """So that one of them is the first, and the others need not ask."""
    scene = Scene(daemons=100)
    scene.due = [AHEAD + 2.0]
    turns(scene, 2)
    assert scene.waits == [2.1]


def test_an_outage_is_waited_for() -> None:
    """Redis's clock is asked for anew after it: another server may have another one."""
    scene = Scene()
    scene.due = [AHEAD + 2.0]
    turns(scene, 1)
    scene.failing["first"] = StoreUnavailable("away")
    turns(scene, 2)
    assert scene.calls == ["first", "promote", "first", "first", "promote"]
    assert scene.sleeps == [0.025]


def test_a_server_that_does_not_tell_of_changes_is_asked_every_second() -> None:
    """As managed ones do."""
    scene = Scene()
    scene.failing["first"] = StoreRefused("no tracking")
    turns(scene, 2)
    assert scene.sleeps == [POLL_EVERY, POLL_EVERY]
    scene.due = [AHEAD + scene.now + 0.5]
    turns(scene, 3)
    assert scene.moved == [AHEAD + 2.5]
    assert scene.now == 2.5
    assert scene.waits == []


def test_it_is_asked_again_later_whether_it_would_tell() -> None:
    """A person may have changed its rules."""
    scene = Scene()
    scene.failing["first"] = StoreRefused("no tracking")
    turns(scene, 1)
    scene.now += ASK_AGAIN
    scene.due = [AHEAD + scene.now + 0.5]
    turns(scene, 3)
    assert 0.5 in scene.waits
