"""The policy of what is due: no time early or twice, missed ones by their policy."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.cron.schedule import Cron, Every, Schedule
from resqd.cron.ticks import LATE, MOST, SET_BACK, first, ticks

NOW = 1_790_000_000
schedules: st.SearchStrategy[Schedule] = st.one_of(
    st.builds(Every, st.integers(1, 5_000)),
    st.sampled_from([Cron("*/5 * * * *"), Cron("0 3 * * *", "Europe/Berlin")]),
)


@given(schedules, st.sampled_from(["once", "all", "skip"]), st.integers(0, 200_000))
def test_what_is_due_lies_between_the_stored_time_and_now(
    schedule: Schedule, misfire: str, behind: int
) -> None:
    """In order, each once; and the next time is the first one after now."""
    stored = schedule.next_after(NOW - behind - 1)
    assert stored is not None
    if stored > NOW:
        return
    plan = ticks(schedule, misfire, stored=stored, now=NOW)
    assert all(a < b for a, b in pairwise(plan.due))
    assert all(stored <= at <= NOW for at in plan.due)
    assert plan.next == schedule.next_after(NOW)
    missed = [at for at in plan.due if at < NOW - LATE]
    assert len(missed) <= {"once": 1, "all": MOST, "skip": 0}[misfire]
    assert plan.missed == (stored < NOW - LATE)


@given(schedules, st.sampled_from(["once", "all", "skip"]), st.integers(0, 3_000))
def test_what_is_less_than_a_minute_late_is_always_due(schedule: Schedule, misfire: str, behind: int) -> None:
    """Whatever the policy says of older ones."""
    stored = schedule.next_after(NOW - behind - 1)
    assert stored is not None
    expected, at = [], schedule.next_after(max(stored, NOW - LATE) - 1)
    while at is not None and at <= NOW:
        expected.append(at)
        at = schedule.next_after(at)
    if stored <= NOW:
        assert [
            each for each in ticks(schedule, misfire, stored=stored, now=NOW).due if each >= NOW - LATE
        ] == expected


def test_a_clock_years_ahead_costs_no_time() -> None:
    """A schedule of seconds that missed a hundred years: bounded, and the oldest come."""
    plan = ticks(Every(1), "all", stored=0, now=100 * 365 * 86_400)
    assert plan.due[:MOST] == tuple(range(MOST))
    assert len(plan.due) == MOST + LATE + 1


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, NOW + 60),
        (NOW - 60, NOW + 60),
        (NOW + 120, NOW + 180),
        (NOW + SET_BACK - SET_BACK % 60, NOW + SET_BACK - SET_BACK % 60 + 60),
        (NOW + SET_BACK + 60, NOW + 60),
    ],
)
def test_a_clock_that_was_set_back_repeats_nothing_within_three_hours(
    last: int | None, expected: int
) -> None:
    """A longer step means that it was wrong before."""
    schedule = Every(60, NOW % 60)
    assert first(schedule, now=NOW, last=last) == expected
