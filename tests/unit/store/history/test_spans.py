"""What is made and dropped of the history."""

from resqd.store.history.spans import DAY, HOUR, MINUTE, dropped, start, tasks

NOON = 1_000 * DAY + 12 * HOUR


def test_an_hour_is_made_once_it_has_ended() -> None:
    """And not while it runs."""
    minutes = range(NOON - HOUR, NOON + 600, MINUTE)
    todo = tasks(HOUR, finer=minutes, own=[], changed=[], now=NOON + 600)
    assert (todo.make, todo.drop) == ((NOON - HOUR,), ())
    assert tasks(HOUR, finer=minutes, own=[NOON - HOUR], changed=[], now=NOON + 600).make == ()


def test_a_late_row_makes_its_hour_and_day_again() -> None:
    """They were made without it."""
    todo = tasks(HOUR, finer=[], own=[NOON - HOUR], changed=[NOON - MINUTE], now=NOON + 90)
    assert todo.make == (NOON - HOUR,)
    yesterday = 999 * DAY
    assert tasks(DAY, finer=[], own=[yesterday], changed=[1_000 * DAY - HOUR], now=NOON).make == (yesterday,)


def test_what_may_lack_parts_is_not_made() -> None:
    """Its minutes are dropped after 8 hours: a row made then would say too little."""
    old = NOON - 9 * HOUR
    assert tasks(HOUR, finer=[old + 59 * MINUTE], own=[], changed=[old], now=NOON).make == ()


def test_rows_go_when_their_time_is_over() -> None:
    """Those that a wrong clock has put into the future, too."""
    own = [NOON - 9 * HOUR, NOON - 7 * HOUR, NOON, NOON + 2 * DAY]
    assert dropped(MINUTE, own, NOON) == (NOON - 9 * HOUR, NOON + 2 * DAY)


def test_spans_begin_in_utc() -> None:
    """Whatever the host's zone is."""
    assert [start(NOON + 3_671.5, span) for span in (MINUTE, HOUR, DAY)] == [
        NOON + 3_660,
        NOON + 3_600,
        1_000 * DAY,
    ]
