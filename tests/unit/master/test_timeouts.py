"""Who is late or silent, and what that means."""

from typing import Any

import pytest

from resqd.master import timeouts
from resqd.master.child import NO_SILENCE, Child
from resqd.master.timeouts import CutDrain, Destroy, Limits, Look, Probe, Remedy, leave_by, overdue, silent
from resqd.wire.intent import Intent
from tests.support.family import LIMITS, child, housekeeper

RUNNING, DRAINING, STOPPING = Intent.RUNNING, Intent.DRAINING, Intent.STOPPING


def judge(one: Child, look: Look, limits: Limits, now: float) -> Remedy:
    """Judge it, and note of its silence what is to be noted."""
    one.silence, remedy = timeouts.judge(one, look, limits, now)
    return remedy


@pytest.mark.parametrize(
    ("facts", "now", "verdict"),
    [
        ({"booted": False}, 29.0, None),
        ({"booted": False}, 30.0, Destroy),
        ({"leave_by": 10.0, "told": DRAINING, "state": DRAINING}, 9.0, None),
        ({"leave_by": 10.0, "told": DRAINING, "state": DRAINING}, 10.0, CutDrain),
        ({"leave_by": 10.0, "told": DRAINING, "state": RUNNING}, 10.0, CutDrain),  # it cannot answer
        ({"leave_by": 10.0, "told": STOPPING, "state": RUNNING}, 10.0, Destroy),
        ({"leave_by": 10.0, "told": RUNNING, "state": STOPPING}, 10.0, Destroy),
        ({"deaf_at": 10.0}, 11.0, None),
        ({"deaf_at": 10.0}, 12.0, Destroy),
    ],
)
def test_who_is_overdue(facts: dict[str, Any], now: float, verdict: type | None) -> None:
    """At boot, at draining (then it is stopped), at stopping, and after its channel has ended."""
    found = overdue(child(1, **facts), LIMITS, now)
    assert (found if found is None else type(found)) == verdict


def test_when_a_child_must_be_gone() -> None:
    """A drain has its own limit, but the roll of a reload has none; the housekeeper has a short one."""
    assert leave_by(child(1), DRAINING, LIMITS, 10.0) == 60.0
    assert leave_by(child(1, retiring_since=1.0), DRAINING, LIMITS, 10.0) is None
    assert leave_by(child(1), STOPPING, LIMITS, 10.0) == 16.5
    assert leave_by(child(1), Intent.PAUSED, LIMITS, 10.0) is None
    assert leave_by(housekeeper(), STOPPING, LIMITS, 10.0) == 15.0


def test_silence_with_cpu_time_standing_still_is_a_hang() -> None:
    """Pinged at first; at HANG_TIMEOUT killed, its jobs blamed: one of them can have stopped it."""
    for stopped in (False, True):
        quiet = child(1, heard=0.0)
        assert not silent(quiet, 4.9)
        assert silent(quiet, 5.0)
        assert judge(quiet, Look(3.0, stopped), LIMITS, 5.0) == Probe(quiet)
        assert judge(quiet, Look(3.0, stopped), LIMITS, 59.0) == Probe(quiet)
        verdict = judge(quiet, Look(3.0, stopped), LIMITS, 60.0)
        assert isinstance(verdict, Destroy)
        assert verdict.blamed


def test_hung_housekeeper_is_replaced_before_other_hosts_act() -> None:
    """It holds the daemon's heartbeat, so its limit is short of PRUNE_INTERVAL, and HANG_TIMEOUT where that is less."""
    quiet = housekeeper(heard=0.0)
    assert judge(quiet, Look(3.0, stopped=True), LIMITS, 12.0) == Probe(quiet)
    assert judge(quiet, Look(3.0, stopped=True), LIMITS, 14.9) == Probe(quiet)
    assert isinstance(judge(quiet, Look(3.0, stopped=True), LIMITS, 15.0), Destroy)


@pytest.mark.parametrize("limit", [0.1, 1.0, 5.0])
def test_a_short_limit_kills_nobody_who_answers(limit: float) -> None:
    """HANG_TIMEOUT below the time after which a child is pinged: the ping comes first, its answer decides."""
    limits = Limits(boot=30.0, hang=limit, heart=15.0, hang_busy=0.0, drain=50.0, kill_grace=5.0)
    for one in (housekeeper(heard=0.0), child(1, heard=0.0)):
        assert judge(one, Look(3.0, stopped=False), limits, 5.9) == Probe(one)
        assert judge(one, Look(3.0, stopped=False), limits, 6.9) == Probe(one)
        one.account.heard = 7.0  # the answer
        assert not silent(one, 7.9)
        one.silence = NO_SILENCE
        assert judge(one, Look(3.0, stopped=False), limits, 12.5) == Probe(one)
        assert judge(one, Look(3.0, stopped=False), limits, 14.0) == Probe(one)
        assert isinstance(judge(one, Look(3.0, stopped=False), limits, 15.1), Destroy)


def test_a_housekeeper_that_is_busy_and_silent_is_replaced_too() -> None:
    """The application's failure backend may hold its GIL, and no heartbeat comes; no job is lost with it."""
    busy = housekeeper(heard=0.0)
    for second in range(5, 15):
        assert judge(busy, Look(float(second), False), LIMITS, float(second)) == Probe(busy)
    assert isinstance(judge(busy, Look(15.0, False), LIMITS, 15.0), Destroy)


def test_silence_with_growing_cpu_time_is_a_long_call() -> None:
    """Shown, however long; killed only where there is a limit for it."""
    busy = child(1)
    for second in range(5, 500, 5):
        assert judge(busy, Look(float(second), False), LIMITS, float(second)) == Probe(busy)
    assert busy.silence.hung == "silent for 495 s"
    limited = Limits(boot=30.0, hang=60.0, heart=15.0, hang_busy=300.0, drain=50.0, kill_grace=5.0)
    assert isinstance(judge(busy, Look(500.0, False), limited, 500.0), Destroy)


def test_a_boot_is_not_a_silence() -> None:
    """BOOT_TIMEOUT alone bounds it."""
    assert not silent(child(1, booted=False), 20.0)
