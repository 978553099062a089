"""What becomes of failures after Redis has kept them, where the system refuses the thread for it."""

from typing import cast

import pytest

from resqd.aftermath import Aftermath
from resqd.failures import FailureRules
from resqd.threads import NamedThread


class Rules:
    """Notes what the application is told."""

    acts = True

    def __init__(self) -> None:
        self.told: list[bytes] = []

    def after(self, record: bytes, _payload: object = None) -> None:
        self.told.append(record)


def test_a_thread_that_is_refused_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is told when there is a thread again, or counted at the end; neither put nor close raises."""
    rules = Rules()
    aftermath = Aftermath(rules=cast(FailureRules, rules))

    def refuse(_thread: NamedThread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as limited:
        limited.setattr(NamedThread, "start", refuse)
        aftermath.put([b"one", None])
        aftermath.close(0.1)
        assert rules.told == []
    aftermath.put([b"two"])
    aftermath.close(5.0)
    assert rules.told == [b"one", b"two"]


def test_nothing_to_tell_needs_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    """A worker without failures ends without a word of them."""
    Aftermath(rules=cast(FailureRules, Rules())).close(0.1)
    assert caplog.records == []
