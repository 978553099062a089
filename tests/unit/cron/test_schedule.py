"""Schedules: what users may write, what is refused and how, and which times follow."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.cron.schedule import Cron, Every, Schedule, duration, from_facts, from_text, in_words

DAY = 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("1h30m", 5_400),
        ("1d", DAY),
        ("2w", 14 * DAY),
        ("600", 600),
        (" 1H ", 3_600),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: int) -> None:
    """Units from seconds to weeks; a bare number is seconds."""
    assert duration(text) == duration(seconds) == duration(timedelta(seconds=seconds)) == seconds


@pytest.mark.parametrize(
    "bad", ["", "m", "15x", "-5m", "1.5h", "9" * 40 + "s", -1, 0.5, float("nan"), True, None]
)
def test_what_is_no_duration_is_refused(bad: Any) -> None:
    """With a message that shows it."""
    with pytest.raises(ValueError, match=r"duration|whole number"):
        duration(bad)


@pytest.mark.parametrize("bad", [0, "0s", "367d"])
def test_a_period_has_bounds(bad: Any) -> None:
    """From a second to a year."""
    with pytest.raises(ValueError, match="give from '1s' to '366d'"):
        Every.of(bad)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("61 * * * *", "bad minute"),
        ("* * *", "has 3 fields"),
        ("0 0 3 * * *", "seconds are for every"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("* * */20 * 1L", "never comes"),
        ("@reboot", "is unknown; there are @hourly"),
        ("0 3 * * FUNDAY", "bad day-of-week"),
    ],
)
def test_what_is_no_expression_is_refused(expression: str, said: str) -> None:
    """Where it is written, and with what is wrong."""
    with pytest.raises(ValueError, match=said):
        Cron.of(expression)


@pytest.mark.parametrize("bad", ["Europe/Berlyn", "", "../etc/passwd", "/etc/passwd"])
def test_an_unknown_time_zone_is_refused(bad: str) -> None:
    """By its name, with the remedy for a machine that has none."""
    with pytest.raises(ValueError, match="there is no time zone"):
        Cron.of("0 3 * * *", bad)


schedules: st.SearchStrategy[Schedule] = st.one_of(
    st.builds(Every.of, st.integers(1, 366 * DAY), st.integers(0, DAY)),
    st.builds(
        Cron.of,
        st.sampled_from(
            ["*/5 * * * *", "0 3 * * *", "30 2 * * 1-5", "@hourly", "0 0 29 2 *", "15 */6 1 * *"]
        ),
        st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Cairo"]),
    ),
)
moments = st.integers(1_600_000_000, 2_100_000_000)


@given(schedules, moments)
def test_the_next_time_is_later_and_follows_from_any_earlier_moment(schedule: Schedule, moment: int) -> None:
    """It does not matter how long before it one asks: so all hosts agree."""
    after = schedule.next_after(moment)
    assert after is not None
    assert after > moment
    between = moment + (after - moment) // 2
    assert schedule.next_after(between) == after
    assert schedule.next_after(after - 1) == after


@given(schedules)
def test_what_is_written_down_is_read_again(schedule: Schedule) -> None:
    """The facts in Redis hold all of a schedule."""
    assert from_facts(schedule.facts()) == schedule


@given(st.integers(1, 10**8))
def test_words_for_a_duration_are_read_as_it(seconds: int) -> None:
    """What is shown can be typed."""
    assert duration(in_words(seconds)) == seconds


@given(st.integers(1, 10**6), st.integers(0, 10**6), moments)
def test_every_is_anchored(period: int, offset: int, moment: int) -> None:
    """All times are the offset behind a multiple of the period since 1970."""
    at = Every.of(period, offset).next_after(moment)
    assert at is not None
    assert (at - offset) % period == 0
    assert moment < at <= moment + period


def test_the_command_line_takes_both_kinds() -> None:
    """`every 15m` and an expression; an offset only with the first."""
    assert from_text("every 15m", offset="5m") == Every(900, 300)
    assert from_text("@daily", "Europe/Berlin") == Cron("0 0 * * *", "Europe/Berlin")
    with pytest.raises(ValueError, match="an offset is for"):
        from_text("@daily", offset="5m")


def test_facts_of_another_release_are_refused() -> None:
    """A kind of schedule that is not known here is not guessed at."""
    with pytest.raises(ValueError, match="no schedule that this release knows"):
        from_facts({"moon": "full"})
