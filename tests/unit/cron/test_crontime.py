"""Cron expressions at the changes of summer time, as the README's table says, and against a plain search."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.cron.crontime import next_after

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = "2026-03-29", "2026-10-25"


def times(expression: str, tz: str, day: str) -> list[str]:
    """All times on a day there, with their offset from UTC."""
    zone = ZoneInfo(tz)
    at = int(datetime.fromisoformat(day).replace(tzinfo=zone).timestamp()) - 1
    found: list[str] = []
    while (after := next_after(expression, tz, at)) is not None:
        local = datetime.fromtimestamp(after, zone)
        if local.date().isoformat() != day:
            return found
        found.append(local.strftime("%H:%M%z"))
        at = after
    return found


@pytest.mark.parametrize(
    ("expression", "day", "expected"),
    [
        ("30 2 * * *", SPRING, ["03:00+0200"]),
        ("0 3 * * *", SPRING, ["03:00+0200"]),
        ("0,30 2 * * *", SPRING, ["03:00+0200"]),
        ("30 2 * * *", AUTUMN, ["02:30+0200"]),
        ("0 3 * * *", AUTUMN, ["03:00+0100"]),
        ("15 1-3 * * *", SPRING, ["01:15+0100", "03:00+0200", "03:15+0200"]),
        ("15 1-3 * * *", AUTUMN, ["01:15+0200", "02:15+0200", "03:15+0100"]),
        ("*/30 2 * * *", SPRING, []),
        ("*/30 2 * * *", AUTUMN, ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]),
    ],
)
def test_both_changes_of_summer_time(expression: str, day: str, expected: list[str]) -> None:
    """What is given by the clock comes once a day; what begins with a star follows the elapsed time."""
    assert times(expression, BERLIN, day) == expected


def test_hourly_is_every_hour() -> None:
    """23 of them in spring, 25 in autumn."""
    assert len(times("0 * * * *", BERLIN, SPRING)) == 23
    assert len(times("0 * * * *", BERLIN, AUTUMN)) == 25


ZONES = st.sampled_from([BERLIN, "America/New_York", "America/St_Johns", "Africa/Cairo", "Asia/Kathmandu"])


@given(
    ZONES,
    st.sampled_from([5, 15, 20]),
    st.sampled_from(["*", "*/2", "0-3"]),
    st.sampled_from(["2026-03-07", "2026-03-28", "2026-04-23", "2026-10-24", "2026-10-31"]),
    st.integers(0, 3 * 86_400),
)
def test_stars_match_every_minute_that_the_clock_shows(
    tz: str, step: int, hours: str, day: str, seconds: int
) -> None:
    """The next time is the first minute whose local hour and minute match, however the clock was changed."""
    moment = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) + seconds
    allowed = {"*": range(24), "*/2": range(0, 24, 2), "0-3": range(4)}[hours]
    zone, at = ZoneInfo(tz), moment // 60 * 60 + 60
    while (local := datetime.fromtimestamp(at, zone)).minute % step or local.hour not in allowed:
        at += 60
    assert next_after(f"*/{step} {hours} * * *", tz, moment) == at
