"""The control thread's rules: what each message and signal makes of the intent, and what the master hears of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from resqd.store.redis.health import Health
from resqd.store.resque.pauses import Paused
from resqd.wire.birth import Birth
from resqd.wire.messages import (
    Confirm,
    Confirmed,
    Drain,
    Kill,
    Killing,
    Message,
    NearEnd,
    Pause,
    Ping,
    Pong,
    Released,
    Resume,
    Slots,
    State,
    Stop,
    Yielded,
)
from resqd.worker.control import Control, Mercy
from resqd.worker.demand import Demand
from resqd.worker.guard import Guard
from resqd.worker.holdings import Holdings
from resqd.worker.ladder import Alarm
from resqd.worker.manager import Manager
from resqd.worker.open_queues import OpenQueues
from resqd.worker.pause_hooks import PauseHooks
from resqd.worker.prefetch import Prefetch
from resqd.worker.queues import Quotas
from resqd.worker.reports import Reporter
from resqd.worker.shared import Mandate, Shared
from resqd.worker.signals import Signals


class Line:
    """Takes the place of the channel."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.open = True
        self.sent: list[Message] = []

    def fileno(self) -> int:
        return self.descriptor

    def send(self, message: Message) -> bool:
        if self.open:
            self.sent.append(message)
        return self.open

    def take(self) -> list[Message]:
        sent, self.sent = self.sent, []
        return sent


class Rungs:
    """Takes the place of the ladder: one job runs."""

    def __init__(self) -> None:
        self.struck = 0
        self.alarm = Alarm()

    def overdue(self, _now: float) -> list[tuple[str, int]]:
        return []

    def tick(self, now: float) -> None:
        """There is no second interrupt here."""

    def next_at(self) -> float | None:
        return None

    def kill(self, job_id: str, _now: float) -> int:
        return 7 if job_id == "runs" else 0

    def kill_all(self, _now: float, *, spare: bool) -> list[tuple[str, int]]:
        assert not spare
        self.struck += 1
        return [("runs", 7)] if self.struck == 1 else []


class Scene:
    def __init__(self, state: str = "running") -> None:
        self.now = 100.0
        self.line = Line(os.eventfd(0))
        self.shared = Shared(
            holdings=Holdings(capped=()),
            quotas=Quotas(Demand(1, {})),
            paused=OpenQueues(lambda _queues: Paused((), "")),
            prefetch=Prefetch(measured_at=self.now),
            health=Health(where="redis", clock=self.clock),
            mandate=Mandate.HOLD if state == "paused" else Mandate.RESERVE,
            slots=2,
        )
        self.still = True
        self.released = 0
        self.moved = False
        manager = SimpleNamespace(
            shared=self.shared,
            ladder=Rungs(),
            released=lambda: self.released,
            follows=lambda mandate: self.shared.mandate is mandate and self.still,
            look=lambda: None,
        )
        self.pauses = SimpleNamespace(busy=False, note=lambda **_paused: None)
        self.reporter = SimpleNamespace(due_at=self.now + 1, report=lambda _intent: None)
        self.signals = Signals()
        self.control = Control(
            birth=cast(Birth, SimpleNamespace(channel=self.line, state=state)),
            mercy=Mercy(grace=2.0),
            manager=cast(Manager, manager),
            reporter=cast(Reporter, self.reporter),
            pauses=cast(PauseHooks, self.pauses),
            signals=self.signals,
            guard=cast(Guard, SimpleNamespace(look=lambda: self.moved, crippled=False)),
            clock=self.clock,
        )

    def clock(self) -> float:
        return self.now

    def mandate(self) -> Mandate:
        return self.shared.mandate

    def tell(self, *messages: Message) -> list[Message]:
        """What the worker answers to the master's messages."""
        for message in messages:
            self.control._handle(message)
        self.control._tick()
        return self.line.take()

    def close(self) -> None:
        self.control._selector.close()
        own = {self.line.descriptor, self.shared.news, self.shared.wake.descriptor}
        for descriptor in own.union(self.signals.descriptors):
            os.close(descriptor)


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.close()


def test_each_order_becomes_a_mandate_and_is_told_back(scene: Scene) -> None:
    """A stop is for good: what comes after it changes nothing."""
    for message, state, mandate in (
        (Pause(), "paused", Mandate.HOLD),
        (Resume(), "running", Mandate.RESERVE),
        (Drain(), "draining", Mandate.LEAVE),
        (Resume(), "running", Mandate.RESERVE),
        (Stop(), "stopping", Mandate.LEAVE),
    ):
        assert State(state) in scene.tell(message)
        assert scene.mandate() is mandate
    assert scene.tell(Resume()) == []
    assert scene.mandate() is Mandate.LEAVE


def test_jobs_are_taken_once_the_hooks_of_the_pause_have_run(scene: Scene) -> None:
    """The state is told at once, the mandate follows the hooks."""
    scene.tell(Pause())
    scene.pauses.busy = True
    assert scene.tell(Resume()) == [State("running")]
    assert scene.mandate() is Mandate.HOLD
    scene.pauses.busy = False
    scene.tell()
    assert scene.mandate() is Mandate.RESERVE


def test_an_order_is_confirmed_once_it_has_taken_effect(scene: Scene) -> None:
    """A thread may have been about to begin a job; each request is answered, once."""
    scene.still = False
    assert scene.tell(Pause(), Confirm(3), Confirm(4)) == [State("paused")]
    assert scene.control._timeout() < 0.01
    scene.still = True
    assert scene.tell() == [Confirmed(3, "paused"), Confirmed(4, "paused")]
    assert scene.tell() == []


def test_a_stop_kills_what_runs_and_what_began_just_then(scene: Scene) -> None:
    """Each job is told of once."""
    assert scene.tell(Stop()) == [State("stopping"), Killing("runs", 7)]
    assert scene.tell() == []


def test_a_kill_is_answered_with_the_token_or_with_none(scene: Scene) -> None:
    """So that the master knows whether the job ran here."""
    assert scene.tell(Kill("runs"), Kill("ran")) == [Killing("runs", 7), Killing("ran", 0)]


def test_news_are_told_once_and_again_where_they_could_not_be_sent(scene: Scene) -> None:
    """Slots and quotas that others may have, and that a successor is due."""
    scene.line.open = False
    scene.released, scene.shared.near_end = 1, True
    scene.shared.grant(Slots(1, {"q": 0}, 5))
    scene.shared.quotas.settle({}, reserving=True)
    assert scene.tell() == []
    scene.line.open = True
    assert scene.tell() == [NearEnd(), Released(1), Yielded(5, {"q": 0})]
    assert scene.tell(Ping()) == [Pong()]
    assert scene.shared.slots == 1


def test_a_signal_is_noted_by_its_handler_and_obeyed_by_the_loop(scene: Scene) -> None:
    """A handler runs between any two instructions, so it does nothing else."""
    scene.signals._received.extend([signal.SIGUSR2, signal.SIGCONT])
    scene.control._handle_signals()
    assert scene.line.take() == [State("paused"), State("running")]


def test_in_another_folder_it_finishes_its_jobs_and_gives_way(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """A job has left the process there; looked at with each report, and said once."""
    scene.moved = True
    assert scene.tell() == []
    scene.now = scene.reporter.due_at
    for _ in range(2):
        scene.control._tick()
    assert scene.line.take() == [State("draining")]
    assert caplog.text.count("left this process in another folder") == 1


def test_an_orphan_begins_nothing_and_abandons_after_its_grace(scene: Scene) -> None:
    """What Redis has not taken back some time after that, recovery finds."""
    scene.control._selector.register(scene.line.descriptor, 1)
    scene.control._orphan()
    scene.tell()
    assert scene.mandate() is Mandate.LEAVE
    assert not scene.control._lost()
    scene.now += 2.0
    scene.tell()
    assert scene.mandate() is Mandate.ABANDON
    scene.now += 2.0
    assert scene.control._lost()
