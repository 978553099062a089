"""Queues of all shards together, for statsd, scrapers and the history."""

from typing import Any, cast

import pytest

from resqd.housekeeper import measuring
from resqd.housekeeper.measuring import BELIEVED, Measuring
from resqd.sharding import Shard
from resqd.store.resque.measure import Measured


class House:
    """One shard's."""

    def __init__(self, number: int) -> None:
        self.shard = Shard(number, "redis://h", "resque")


def test_shards_are_added_and_one_that_is_away_is_believed_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {
        0: Measured({"a": 1, "b": 2}, {"a": 5.0}, {"failed": 1, "later": 2}),
        1: Measured({"b": 3}, {"a": 7.0, "b": 1.0}, {"failed": 4, "later": 0}),
    }
    monkeypatch.setattr(measuring, "_measured", lambda house: found[house.shard.number])
    now = 10.0
    both = Measuring(clock=lambda: now)
    home, other = cast("Any", House(0)), cast("Any", House(1))
    assert both.look(home) == found[0]
    both.duty(other).action()
    everything = Measured({"a": 1, "b": 5}, {"a": 7.0, "b": 1.0}, {"failed": 5, "later": 2})
    assert both.look(home) == everything
    now += BELIEVED
    assert both.look(home) == everything
    now += 1
    assert both.look(home) == found[0]
