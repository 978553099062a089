"""The fleet: what it knows of its children, and what the next program knows of it after a reload."""

import os
import socket
from dataclasses import replace

from resqd.master.child import NO_STATS
from resqd.master.fleet import Fleet
from resqd.master.ledger import Totals
from resqd.queue_specs import QueueSpec
from resqd.wire.birth import Kind, Page
from resqd.wire.channel import Channel
from resqd.wire.intent import Command, Intent
from resqd.wire.messages import Farewell
from tests.support.family import child, fleet, housekeeper


def test_the_next_program_knows_what_this_one_knew() -> None:
    """All but what it is told again by reports; its children are the old code's then."""
    ours, theirs = socket.socketpair()
    stats = replace(NO_STATS, processed=5, failed=1)
    one = child(3, index=1, channel=Channel(ours), page=Page(2), told=Intent.PAUSED, stats=stats)
    before = fleet(one, workers=4, suspects=2, unsettled=True)
    before.forks, before.started, before.ledger.past = 7, 1.5, Totals(10, 2)
    before.orders.command(Command.PAUSE, 10.0)
    before.places.last_exits[0] = "worker 0 (pid 5) ended: recycled"
    before.redis.report("ok", 2.5)
    before.farewells.add(Farewell(2, "1-3", (4,)), 9.5)
    snapshot = before.snapshot()
    (facts,) = snapshot.children
    kept = facts | {"channel": os.dup(one.channel.fileno()), "page": os.dup(one.page.descriptor)}
    after = Fleet.restore(before.settings, replace(snapshot, children=(kept,)), 20.0)
    again = after.snapshot()
    assert replace(again, children=(), past=(0, 0)) == replace(snapshot, children=(), past=(0, 0))
    assert after.farewells.kept == ((9.5, Farewell(2, "1-3", (4,))),)
    assert after.intent is Intent.PAUSED
    assert (after.ledger.processed, after.ledger.failed) == (15, 3)
    (heir,) = after.children
    assert heir.identity.outdated
    assert (heir.demands, heir.life, heir.account.heard) == (one.demands, one.life, 20.0)
    for each in (one, heir):
        each.channel.close()
        each.page.close()
    theirs.close()


def test_who_is_who() -> None:
    """Workers, those of a place from the oldest to the newest, and the housekeeper; probation is no place's."""
    newer, older, suspect, keeper = child(5), child(2), child(3, Kind.PROBATION), housekeeper()
    state = fleet(newer, older, suspect, keeper)
    assert state.housekeeper is keeper
    assert state.working() == [newer, older, suspect]
    assert state.workers(0) == [older, newer]
    assert fleet().housekeeper is None


def test_caps_follow_the_scale() -> None:
    """A share of all threads, of as many workers as there are to be."""
    state = fleet(workers=2, threads=5, capped=[QueueSpec("slow", cap_percent=30)])
    assert state.caps() == {"slow": 3}
    state.worker_count = 4
    assert state.caps() == {"slow": 6}
