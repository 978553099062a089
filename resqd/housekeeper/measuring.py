"""How long queues are on all shards together, for those who are told: each shard's keeper measures its own."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from resqd.clock import Clock
from resqd.housekeeper.house import House
from resqd.housekeeper.keeper import Duty
from resqd.housekeeper.statsd import GAUGES_EVERY
from resqd.store.resque.measure import Measured, measure, summed

BELIEVED: Final = 60.0
"""Seconds for which the last measure of a shard that is away is added to those of the others."""


class Measuring:
    """The other shards' keepers write their measures, that of the home shard reads them; each is replaced whole."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._latest: dict[int, tuple[float, Measured]] = {}

    def duty(self, house: House) -> Duty:
        """For the keeper of another shard."""
        return Duty(GAUGES_EVERY, partial(self._measure, house), "measuring queues")

    def look(self, house: House) -> Measured:
        """Of all shards; the home shard is measured now. Errors: StoreError."""
        own, oldest = _measured(house), self._clock() - BELIEVED
        return summed([own, *(found for at, found in list(self._latest.values()) if at >= oldest)])

    def _measure(self, house: House) -> None:
        self._latest[house.shard.number] = (self._clock(), _measured(house))


def _measured(house: House) -> Measured:
    return measure(house.link, house.keys, now=time.time())
