"""Who is late or silent, and what that means."""

from typing import Any

import pytest

from resqd.master.timeouts import Kill, Limits, Look, Ping, Stop, forgive, judge, leave_by, overdue, silent
from tests.support.family import child, housekeeper

LIMITS = Limits(boot=30.0, hang=60.0, heart=15.0, hang_busy=0.0, drain=50.0, kill_grace=5.0)


@pytest.mark.parametrize(
    ("facts", "now", "verdict"),
    [
        ({"booted": False}, 29.0, None),
        ({"booted": False}, 30.0, Kill),
        ({"leave_by": 10.0, "told": "draining", "state": "draining"}, 9.0, None),
        ({"leave_by": 10.0, "told": "draining", "state": "draining"}, 10.0, Stop),
        ({"leave_by": 10.0, "told": "draining", "state": "running"}, 10.0, Stop),  # it cannot answer
        ({"leave_by": 10.0, "told": "stopping", "state": "running"}, 10.0, Kill),
        ({"leave_by": 10.0, "told": "running", "state": "stopping"}, 10.0, Kill),
        ({"deaf_at": 10.0}, 11.0, None),
        ({"deaf_at": 10.0}, 12.0, Kill),
    ],
)
def test_who_is_overdue(facts: dict[str, Any], now: float, verdict: type | None) -> None:
    """At boot, at draining (then it is stopped), at stopping, and after its channel has ended."""
    found = overdue(child(1, **facts), LIMITS, now)
    assert (found if found is None else type(found)) == verdict


def test_when_a_child_must_be_gone() -> None:
    """A drain has its own limit, but the roll of a reload has none; the housekeeper has a short one."""
    assert leave_by(child(1), "draining", LIMITS, 10.0) == 60.0
    assert leave_by(child(1, retiring=True), "draining", LIMITS, 10.0) is None
    assert leave_by(child(1), "stopping", LIMITS, 10.0) == 16.5
    assert leave_by(child(1), "paused", LIMITS, 10.0) is None
    assert leave_by(housekeeper(), "stopping", LIMITS, 10.0) == 15.0


def test_silence_with_cpu_time_standing_still_is_a_hang() -> None:
    """Pinged at first; at HANG_TIMEOUT killed, its jobs blamed: one of them can have stopped it."""
    for stopped in (False, True):
        quiet = child(1, heard=0.0)
        assert silent([quiet], 4.9) == []
        assert silent([quiet], 5.0) == [quiet]
        assert judge(quiet, Look(3.0, stopped), LIMITS, 5.0) == Ping(quiet)
        assert judge(quiet, Look(3.0, stopped), LIMITS, 59.0) == Ping(quiet)
        verdict = judge(quiet, Look(3.0, stopped), LIMITS, 60.0)
        assert isinstance(verdict, Kill)
        assert verdict.blamed


def test_hung_housekeeper_is_replaced_before_other_hosts_act() -> None:
    """It holds the daemon's heartbeat, so its limit is short of PRUNE_INTERVAL, and HANG_TIMEOUT where that is less."""
    quiet = housekeeper(heard=0.0)
    assert judge(quiet, Look(3.0, stopped=True), LIMITS, 12.0) == Ping(quiet)
    assert judge(quiet, Look(3.0, stopped=True), LIMITS, 14.9) == Ping(quiet)
    assert isinstance(judge(quiet, Look(3.0, stopped=True), LIMITS, 15.0), Kill)


@pytest.mark.parametrize("limit", [0.1, 1.0, 5.0])
def test_a_short_limit_kills_nobody_who_answers(limit: float) -> None:
    """HANG_TIMEOUT below the time after which a child is pinged: the ping comes first, its answer decides."""
    limits = Limits(boot=30.0, hang=limit, heart=15.0, hang_busy=0.0, drain=50.0, kill_grace=5.0)
    for one in (housekeeper(heard=0.0), child(1, heard=0.0)):
        assert judge(one, Look(3.0, stopped=False), limits, 5.9) == Ping(one)
        assert judge(one, Look(3.0, stopped=False), limits, 6.9) == Ping(one)
        one.heard = 7.0  # the answer
        assert silent([one], 7.9) == []
        assert judge(one, Look(3.0, stopped=False), limits, 12.5) == Ping(one)
        assert judge(one, Look(3.0, stopped=False), limits, 14.0) == Ping(one)
        assert isinstance(judge(one, Look(3.0, stopped=False), limits, 15.1), Kill)


def test_a_housekeeper_that_is_busy_and_silent_is_replaced_too() -> None:
    """The application's failure backend may hold its GIL, and no heartbeat comes; no job is lost with it."""
    busy = housekeeper(heard=0.0)
    for second in range(5, 15):
        assert judge(busy, Look(float(second), False), LIMITS, float(second)) == Ping(busy)
    assert isinstance(judge(busy, Look(15.0, False), LIMITS, 15.0), Kill)


def test_silence_with_growing_cpu_time_is_a_long_call() -> None:
    """Shown, however long; killed only where there is a limit for it."""
    busy = child(1)
    for second in range(5, 500, 5):
        assert judge(busy, Look(float(second), False), LIMITS, float(second)) == Ping(busy)
    assert busy.hung == "silent for 495 s"
    limited = Limits(boot=30.0, hang=60.0, heart=15.0, hang_busy=300.0, drain=50.0, kill_grace=5.0)
    assert isinstance(judge(busy, Look(500.0, False), limited, 500.0), Kill)


def test_a_word_ends_the_silence() -> None:
    """What was noted of it is forgotten."""
    heard = child(1, hung="silent for 9 s", silent_cpu=3.0, heard=10.0)
    assert silent([heard], 12.0) == []
    assert (heard.hung, heard.silent_cpu) == ("", -1.0)


def test_a_boot_is_not_a_silence() -> None:
    """BOOT_TIMEOUT alone bounds it."""
    assert silent([child(1, booted=False)], 20.0) == []


def test_a_stall_of_the_master_is_nobodys_hang() -> None:
    """After it everybody's silence counts from now."""
    one = child(1)
    forgive([one], 100.0)
    assert silent([one], 104.0) == []
