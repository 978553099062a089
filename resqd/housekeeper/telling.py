"""Who is told what the daemon does: statsd, scrapers over HTTP, and the history in Redis."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from resqd.clock import monotonic
from resqd.housekeeper.house import House
from resqd.housekeeper.keeper import Duty
from resqd.housekeeper.measuring import Measuring
from resqd.housekeeper.statsd import GAUGES_EVERY, Metrics
from resqd.settings import Settings
from resqd.store.history.spans import MINUTE
from resqd.store.redis.health import Health
from resqd.store.resque.measure import Measured

if TYPE_CHECKING:
    from resqd.housekeeper.history import Recorder
    from resqd.housekeeper.scrape.counts import Counts


@dataclass(frozen=True, slots=True)
class Tellers:
    """Each is None where nobody listens."""

    house: House
    measuring: Measuring
    statsd: Metrics | None
    scrapers: Counts | None
    recorder: Recorder | None

    @classmethod
    def of(cls, house: House, health: Health) -> Tellers:
        """Those that the settings want; scrapers are answered from now on."""
        settings, measuring = house.settings, Measuring(clock=monotonic)
        return cls(
            house,
            measuring,
            _statsd(settings),
            _scrapers(settings, health),
            _recorder(house, partial(measuring.look, house)),
        )

    def elsewhere(self, house: House) -> list[Duty]:
        """What the keeper of another shard measures for them."""
        listening = any(each is not None for each in (self.statsd, self.scrapers, self.recorder))
        return [self.measuring.duty(house)] if listening else []

    def duties(self) -> list[Duty]:
        """What must be looked up for them."""
        duties = []
        if self.statsd is not None or self.scrapers is not None:
            duties.append(Duty(GAUGES_EVERY, self._measure, "measuring queues"))
        if self.recorder is not None:
            duties.append(Duty(MINUTE, self.recorder.tend, "the history", self.recorder.wait))
        return duties

    def leave(self) -> None:
        """This process ends: what only it knows is told. Errors: StoreError."""
        if self.recorder is not None:
            self.recorder.leave()

    def _measure(self) -> None:
        measured = self.measuring.look(self.house)
        for each in (self.statsd, self.scrapers):
            if each is not None:
                each.measured(measured)


def _statsd(settings: Settings) -> Metrics | None:
    if settings.statsd_host is None or settings.statsd_key is None:
        return None
    return Metrics(
        host=settings.statsd_host, port=settings.statsd_port, key=settings.statsd_key, clock=monotonic
    )


def _recorder(house: House, look: Callable[[], Measured]) -> Recorder | None:
    if house.settings.history == "off":
        return None
    # Who keeps no history does without its rows' bytes, and lzma.
    from resqd.housekeeper.history import Recorder  # noqa: PLC0415 - see above
    from resqd.store.history.merger import Merger  # noqa: PLC0415 - see above

    return Recorder(
        merger=Merger(house.link, house.keys, author=secrets.token_hex(8)),
        look=look,
        now=lambda: int(house.link.call("TIME")[0]),
        random=random.random,
    )


def _scrapers(settings: Settings, health: Health) -> Counts | None:
    if settings.http is None:
        return None
    # http.server imports ssl and e-mail's parser, 3 MB, which daemons that nobody scrapes do without.
    from resqd.housekeeper.scrape.counts import Counts  # noqa: PLC0415 - see above
    from resqd.housekeeper.scrape.server import Scrape  # noqa: PLC0415 - see above

    counts = Counts(health=health, clock=monotonic)
    Scrape(counts=counts, address=settings.http).start()
    return counts
