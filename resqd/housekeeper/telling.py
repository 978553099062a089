"""Who is told what the daemon does: statsd, and scrapers over HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass

from resqd.clock import monotonic
from resqd.housekeeper.house import House
from resqd.housekeeper.keeper import Duty
from resqd.housekeeper.scrape.counts import Counts
from resqd.housekeeper.statsd import GAUGES_EVERY, Metrics
from resqd.settings import Settings
from resqd.store.redis.health import Health
from resqd.store.resque.measure import measure


@dataclass(frozen=True, slots=True)
class Tellers:
    """Each is None where nobody listens."""

    house: House
    statsd: Metrics | None
    scrapers: Counts | None

    @classmethod
    def of(cls, house: House, health: Health) -> Tellers:
        """Those that the settings want; scrapers are answered from now on."""
        return cls(house, _statsd(house.settings), _scrapers(house.settings, health))

    def duties(self) -> list[Duty]:
        """What must be looked up for them."""
        nobody = self.statsd is None and self.scrapers is None
        return [] if nobody else [Duty(GAUGES_EVERY, self._measure, "measuring queues")]

    def _measure(self) -> None:
        measured = measure(self.house.link, self.house.keys, now=time.time())
        for each in (self.statsd, self.scrapers):
            if each is not None:
                each.measured(measured)


def _statsd(settings: Settings) -> Metrics | None:
    if settings.statsd_host is None or settings.statsd_key is None:
        return None
    return Metrics(
        host=settings.statsd_host, port=settings.statsd_port, key=settings.statsd_key, clock=monotonic
    )


def _scrapers(settings: Settings, health: Health) -> Counts | None:
    if settings.http is None:
        return None
    # http.server imports ssl and e-mail's parser, 3 MB, which daemons that nobody scrapes do without.
    from resqd.housekeeper.scrape.server import Scrape  # noqa: PLC0415 - see above

    counts = Counts(health=health, clock=monotonic)
    Scrape(counts=counts, address=settings.http).start()
    return counts
