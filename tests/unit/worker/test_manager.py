"""What the control thread learns of its threads: why the fetcher ended, and when an order has taken effect."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from resqd.aftermath import Aftermath
from resqd.store.redis.health import Health
from resqd.store.resque.pauses import Paused
from resqd.worker.demand import Demand
from resqd.worker.executor import Executor
from resqd.worker.fetcher import Fetcher
from resqd.worker.holdings import Holdings
from resqd.worker.interrupt import Slot, Strikes
from resqd.worker.ladder import Ladder
from resqd.worker.manager import FETCHER_CRASHED, Manager
from resqd.worker.open_queues import OpenQueues
from resqd.worker.pool import Pool
from resqd.worker.prefetch import Prefetch
from resqd.worker.queues import Quotas
from resqd.worker.shared import Mandate, Shared


class Scene:
    """A manager of one job thread that does not run, and of a fetcher that does what a test says."""

    def __init__(self) -> None:
        self.work: Callable[[], str] = lambda: "left"
        self.owed: set[int] = set()
        self.shown: list[int] = []
        self.slot, self.strikes = Slot(), Strikes()
        executor = cast(Executor, SimpleNamespace(index=0, slot=self.slot, strikes=self.strikes))
        self.shared = Shared(
            holdings=Holdings(capped=()),
            quotas=Quotas(Demand(1, {})),
            paused=OpenQueues(lambda _queues: Paused((), "")),
            prefetch=Prefetch(measured_at=0.0),
            health=Health(where="redis", clock=lambda: 0.0),
            mandate=Mandate.RESERVE,
            slots=1,
        )
        pool: Any = SimpleNamespace(
            executors=[executor],
            look=lambda: None,
            show=lambda one: self.shown.append(one.slot.token),
        )
        fetcher: Any = SimpleNamespace(run=self.run, owes=lambda token: token in self.owed)
        self.manager = Manager(
            shared=self.shared,
            fetcher=cast(Fetcher, fetcher),
            pool=cast(Pool, pool),
            ladder=Ladder(slots=[self.slot], grace=1.0),
            drop_link=lambda: None,
            aftermath=cast(Aftermath, None),
        )

    def run(self) -> str:
        """The fetcher's work."""
        return self.work()

    def fetch(self) -> str:
        """Let the fetcher's thread run to its end; why it ended, for the control thread."""
        self.manager.start()
        self.manager._thread.join(10)
        assert os.eventfd_read(self.shared.news) == 1
        return self.shared.reason


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    os.close(made.shared.news)
    os.close(made.shared.wake.descriptor)


def test_the_control_thread_hears_why_the_fetcher_ended(scene: Scene) -> None:
    """It is rung for it; until then there is no reason."""
    assert scene.shared.reason == ""
    assert scene.fetch() == "left"


def test_a_fetcher_that_crashes_is_told_of(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback in the log: its jobs are still in flight."""

    def crash() -> str:
        raise ValueError("a mistake")

    scene.work = crash
    assert scene.fetch() == FETCHER_CRASHED
    assert "the worker's jobs will be recovered" in caplog.text
    assert "a mistake" in caplog.text


def test_an_order_has_taken_effect_when_no_job_can_begin_any_more(scene: Scene) -> None:
    """What a thread has taken and not begun is in the way, what was recalled is not."""
    scene.shared.hand_out([(1, "q", b""), (2, "q", b"")], 0.0)
    scene.shared.holdings.buffer.get_nowait()
    assert not scene.manager.follows(Mandate.HOLD)
    scene.shared.order(Mandate.HOLD)
    assert not scene.manager.follows(Mandate.HOLD)
    scene.shared.holdings.outcomes.append(1)
    assert scene.manager.follows(Mandate.HOLD)
    scene.shared.order(Mandate.RESERVE)
    assert scene.manager.follows(Mandate.RESERVE)


def test_after_an_order_nothing_is_handed_out(scene: Scene) -> None:
    """Whatever the fetcher has just heard from Redis."""
    scene.shared.order(Mandate.LEAVE)
    assert not scene.shared.hand_out([(1, "q", b"")], 0.0)
    assert len(scene.shared.holdings) == 0


def test_late_exceptions_are_said_when_there_are_more(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """One line for each look that finds new ones."""
    for _ in range(2):
        scene.strikes.note(TimeoutError(), scene.slot)
        scene.manager.look()
        scene.manager.look()
    assert len(caplog.records) == 2
    assert "(2 so far, such as TimeoutError)" in caplog.messages[-1]


def test_the_last_job_of_a_wrecked_process_is_named_unless_it_is_settled(scene: Scene) -> None:
    """Without a charge it would come back for ever."""
    scene.slot.token = 7
    scene.manager.blame()
    assert scene.shown == []
    scene.owed = {7}
    scene.manager.blame()
    assert scene.shown == [7]
