"""What workers had ended goes once to each housekeeper, and is forgotten in time."""

from typing import cast

import pytest

from resqd.master import farewells
from resqd.master.farewells import KEPT_FOR, Farewells
from resqd.wire.messages import Farewell
from tests.support.family import Tape, housekeeper, tape


def words(fork: int) -> Farewell:
    return Farewell(fork, "1-3", ())


def test_each_is_told_once_and_a_new_housekeeper_hears_all() -> None:
    """The one before may have died before it acted."""
    kept, first = Farewells(), housekeeper(50)
    for fork in (1, 2):
        kept.add(words(fork), 100.0)
    assert kept.tell(first)
    kept.add(words(3), 101.0)
    assert kept.tell(first)
    assert tape(first) == [words(1), words(2), words(3)]
    second = housekeeper(51)
    assert kept.tell(second)
    assert tape(second) == tape(first)


def test_who_takes_no_more_is_told_the_rest_later() -> None:
    """Until then it must not hear that these workers are dead."""
    kept, keeper = Farewells(), housekeeper()
    kept.add(words(1), 100.0)
    channel = cast(Tape, keeper.channel)
    channel.full = True
    assert not kept.tell(keeper)
    channel.full = False
    assert kept.tell(keeper)
    assert tape(keeper) == [words(1)]


def test_they_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In age, in number and in size."""
    kept = Farewells()
    kept.add(words(1), 100.0)
    kept.add(words(2), 101.0 + KEPT_FOR)
    kept.tell(one := housekeeper(50))
    assert tape(one) == [words(2)]
    monkeypatch.setattr(farewells, "MOST", 3)
    for fork in range(3, 9):
        kept.add(words(fork), 170.0)
    kept.tell(two := housekeeper(51))
    assert tape(two) == [words(6), words(7), words(8)]
    monkeypatch.setattr(farewells, "MOST_CHARACTERS", 6)
    kept.add(words(9), 170.0)
    kept.tell(three := housekeeper(52))
    assert tape(three) == [words(8), words(9)]
