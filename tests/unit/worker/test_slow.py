"""Which jobs are called slow."""

import pytest

from resqd.events import event
from resqd.wire.messages import Running
from resqd.worker.slow import Slow


def test_a_slow_job_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it runs; the next one on its thread is another."""
    told: list[object] = []
    monkeypatch.setattr(event, "_listeners", [lambda _name, facts: told.append(facts["job"])])
    first, second = (Running(0, token, f"id{token}", "Archive", "q", 0.0, b"") for token in (7, 8))
    slow = Slow(10.0)
    for running, now in (([first], 9.9), ([first], 10.0), ([first], 11.0), ([second], 12.0), ([], 13.0)):
        slow.look(running, now)
    assert told == ["Archive id7", "Archive id8"]
    Slow(0).look([first], 1e9)
    assert len(told) == 2
