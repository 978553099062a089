"""What web pages ask becomes a call like resqctl's, and its reply goes to the housekeeper that is there then."""

from typing import Any

import pytest

from resqd.clock import monotonic
from resqd.master.commands.handlers import Handlers
from resqd.master.commands.remote import said
from resqd.master.inbox import Inbox
from resqd.settings import Settings
from resqd.wire.intent import Intent
from resqd.wire.messages import ActAnswered, RemoteAct
from tests.support.family import child, fleet, housekeeper, tape


def act(command: str, workers: int = 0) -> RemoteAct:
    return RemoteAct(command, workers, "n1", "ada by the web page")


def test_the_housekeeper_of_the_moment_is_answered() -> None:
    """One that boots, or leaves, has nobody to tell."""
    keeper, worker = housekeeper(), child(1)
    family = fleet(worker, keeper)
    inbox, handlers = Inbox(fleet=family, clock=monotonic), Handlers(
        settings=Settings.load({}), fleet=family, clock=monotonic
    )  # fmt: skip
    inbox.take(keeper, act("scale", 3))
    successor, booting = housekeeper(100), housekeeper(101, booted=False)
    family.children.remove(keeper)
    family.children += [successor, booting]
    asked = inbox.take_asked()
    assert asked is not None
    handlers.handle(asked)
    assert family.worker_count == 3
    assert tape(successor) == [ActAnswered("scale", "n1", "ada by the web page", ok=True, said="3 workers")]
    assert tape(keeper) == tape(booting) == tape(worker) == []
    assert inbox.take_asked() is None


def test_what_is_refused_is_said() -> None:
    """A daemon that leaves cannot be scaled."""
    keeper = housekeeper()
    family = fleet(keeper, intent=Intent.DRAINING)
    inbox = Inbox(fleet=family, clock=monotonic)
    inbox.take(keeper, act("scale", 3))
    asked = inbox.take_asked()
    assert asked is not None
    Handlers(settings=Settings.load({}), fleet=family, clock=monotonic).handle(asked)
    answer = tape(keeper)[0]
    assert isinstance(answer, ActAnswered)
    assert (answer.ok, answer.said) == (False, "cannot scale while draining")


@pytest.mark.parametrize(
    ("command", "answer", "words"),
    [
        ("pause", {"ok": True, "state": "paused"}, "paused"),
        ("reload", {"ok": True, "pid": 7}, "reloads: the new code was imported"),
        ("reload", {"ok": False, "error": "no module"}, "no module"),
    ],
)
def test_replies_in_words(command: str, answer: dict[str, Any], words: str) -> None:
    """For each kind of reply."""
    assert said(act(command), answer) == words
