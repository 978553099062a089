"""When a daemon declares the schedules that resque-scheduler made at run time."""

import logging
from typing import Any

import pytest

from resqd.housekeeper.ruby_schedules import RubySchedules


class Link:
    """Takes the place of a link: answers HGETALL."""

    def __init__(self, **schedules: bytes) -> None:
        self.schedules = schedules
        self.asked: list[tuple[Any, ...]] = []

    def call(self, *command: Any) -> list[bytes]:
        self.asked.append(command)
        return [each for name, raw in self.schedules.items() for each in (name.encode(), raw)]


def test_only_who_holds_the_lock_declares_them(caplog: pytest.LogCaptureFixture) -> None:
    """While a Ruby scheduler holds it, that runs them; what cannot be carried out is said once, the others go on."""
    link: Any = Link(tea=b'{"every":"1m","queue":"q"}', bad=b"[")
    leads = False
    read = RubySchedules(
        link=link,
        namespace="shop",
        app="app",
        queue_of=lambda _name: None,
        environment="",
        leads=lambda: leads,
        clock=lambda: 100.0,
    )
    assert read() == {}
    assert link.asked == []
    leads = True
    with caplog.at_level(logging.WARNING):
        assert list(read()) == list(read()) == ["resque-scheduler/tea"]
    assert link.asked[0] == ("HGETALL", "shop:persistent_schedules")
    assert len(caplog.records) == 1
