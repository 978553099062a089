"""Who has confirmed what, and what the client is told, with children that only note what they are sent."""

from typing import Any

import pytest

from resqd.master.commands.steering import CONFIRM_TIMEOUT, Confirmations
from resqd.wire.intent import Command, Intent
from resqd.wire.messages import Confirm, Confirmed, Message
from tests.support.family import Client, child, fleet, tape


class Scene:
    """Two workers that were told to pause, and a client that waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.children = [child(1, slots=1), child(2, index=1, slots=1)]
        self.fleet = fleet(*self.children, intent=Intent.PAUSED, workers=2, threads=1)
        self.waits = Confirmations(fleet=self.fleet, clock=lambda: self.now)
        self.client = Client("pause")
        self.waits.begin(self.client.request, Intent.PAUSED)

    def sent(self, index: int) -> list[Message]:
        return tape(self.children[index])

    def tell(self, *indexes: int) -> None:
        for index in indexes:
            self.children[index].demands.told = Intent.PAUSED

    def answer(self, index: int, state: str = "paused", request: int = 1) -> None:
        self.waits.confirmed(self.children[index], Confirmed(request, state))
        self.waits.tick(self.now)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_worker_is_asked_once_after_it_was_told(scene: Scene) -> None:
    """Asked before, it would confirm the order before."""
    scene.tell(0)
    scene.waits.tick(scene.now)
    scene.waits.tick(scene.now)
    assert (scene.sent(0), scene.sent(1)) == ([Confirm(1)], [])
    scene.answer(0)
    assert not scene.client.told
    scene.tell(1)
    assert scene.waits.next_at() == scene.now
    scene.waits.tick(scene.now)
    scene.answer(1)
    assert scene.client.told == [{"ok": True, "state": "paused"}]
    assert scene.waits.next_at() is None


def test_a_worker_that_went_elsewhere_is_told_and_asked_again(scene: Scene) -> None:
    """Its answer says that a signal of its own took it back to work: the next plan tells it once more."""
    scene.tell(0, 1)
    scene.waits.tick(scene.now)
    scene.answer(0)
    scene.answer(1, "running")
    assert scene.children[1].demands.told is Intent.RUNNING
    scene.tell(1)
    scene.waits.tick(scene.now)
    assert scene.sent(1) == [Confirm(1), Confirm(1)]
    scene.answer(1)
    assert [told["ok"] for told in scene.client.told] == [True]


@pytest.mark.parametrize("change", [{"exiting": "drained"}, {"ended": True}, {"released": 1}])
def test_a_worker_at_its_end_need_not_confirm(scene: Scene, change: dict[str, Any]) -> None:
    """It is leaving, or has said that it begins nothing more, or has given back all its slots."""
    scene.tell(0, 1)
    scene.waits.tick(scene.now)
    for name, value in change.items():
        setattr(scene.children[1].grants if name == "released" else scene.children[1].life, name, value)
    scene.answer(0)
    assert [told["ok"] for told in scene.client.told] == [True]


def test_silence_is_named_and_another_command_said(scene: Scene) -> None:
    """After the time limit the answer names who is missing; where the order no longer stands it says that."""
    scene.tell(0, 1)
    scene.waits.tick(scene.now)
    scene.answer(0)
    later = Client("pause")
    scene.now += CONFIRM_TIMEOUT / 2
    scene.waits.begin(later.request, Intent.PAUSED)
    scene.now += CONFIRM_TIMEOUT / 2
    scene.waits.tick(scene.now)
    assert "by worker 1 (pid 1002): it may still begin jobs" in scene.client.told[0]["error"]
    scene.fleet.orders.command(Command.RESUME, scene.now)
    scene.waits.tick(scene.now)
    assert later.told[0]["error"].startswith("paused, and by another command running")
