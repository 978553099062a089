"""What the master tells of itself for scrapers."""

from dataclasses import replace

from resqd.master.child import NO_STATS
from resqd.master.vitals import EVERY, Account
from resqd.wire.messages import Vitals
from tests.support.family import child, fleet, housekeeper, tape


def test_the_housekeeper_is_told_every_two_seconds() -> None:
    """What workers hold and run, and how they ended; not before it listens."""
    worker, keeper = child(1, runs=(7, 0)), housekeeper()
    worker.account.stats = replace(NO_STATS, reserved=9, processed=4, rss_bytes=100)
    told = fleet(worker, keeper)
    told.places.exits["recycled"] += 2
    account = Account(fleet=told, threads=2)
    keeper.life.booted = False
    account.tick(100.0)
    assert (tape(keeper), account.next_at()) == ([], None)
    keeper.life.booted = True
    for now in (100.0, 101.0, 100.0 + EVERY):
        account.tick(now)
    first, second = tape(keeper)
    assert isinstance(first, Vitals)
    assert (first.intent, first.booted, first.busy, first.in_flight) == ("running", 1, 1, 5)
    assert (first.rss_bytes, first.exits) == (100, {"recycled": 2})
    assert isinstance(second, Vitals)
    assert second.uptime == first.uptime + EVERY
