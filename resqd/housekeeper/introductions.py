"""Gives each shard its id, and notes there whose it is: a program that is told another order is refused."""

from __future__ import annotations

from typing import Final

from resqd import events
from resqd.clock import Clock, Complaints
from resqd.housekeeper.house import House
from resqd.housekeeper.keeper import Duty
from resqd.store.shards.identity import introduce

EVERY: Final = 60.0
"""Seconds between two looks: somebody may have emptied the database."""
SOON: Final = 1.0
"""The same until the home shard has been heard of."""


class Introductions:
    """Of one daemon. Each shard's keeper makes its own; only the home's id lies between them, which one writes."""

    def __init__(self, *, clock: Clock) -> None:
        self._complaints = Complaints(clock)
        self._home = ""
        self._done: set[int] = set()

    def duty(self, house: House) -> Duty:
        """For the keeper of this shard."""
        number = house.shard.number
        return Duty(
            EVERY,
            lambda: self._introduce(house),
            "the shard's id",
            lambda: EVERY if number in self._done else SOON,
        )

    def _introduce(self, house: House) -> None:
        if not house.is_home and not self._home:
            return
        known = introduce(house.link, house.keys, None if house.is_home else self._home)
        self._done.add(house.shard.number)
        if house.is_home:
            self._home = known.id
        strange = known.strange(self._home)
        if strange and self._complaints.due(house.shard.shown):
            events.Housekeeper.shard_strange(shard=house.shard.shown)
