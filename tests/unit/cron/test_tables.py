"""Whose entry it is: what a housekeeper changes, by what living daemons declare."""

from collections.abc import Mapping

import pytest

from resqd.cron.entry import Entry
from resqd.cron.schedule import Every
from resqd.cron.tables import (
    Forget,
    Move,
    Paused,
    Put,
    Remove,
    Snapshot,
    State,
    Table,
    reconcile,
    table_text,
)

NOW = 1_790_000_000 // 3_600 * 3_600


def text(period: int, app: str | None = "shop", queue: str = "q") -> str:
    return Entry("a", Every(period), "A", queue, app=app).to_json()


def table(
    life: str, period: int, *, app: str = "shop", release: str = "", started: int = 1, living: bool = True
) -> Table:
    return Table(life, app, release, {"a": text(period, app)}, started, living)


def seen(
    *tables: Table,
    there: str | None = None,
    state: State | None = None,
    unreadable: Mapping[str, str] | None = None,
) -> Snapshot:
    entries = {} if there is None else {"a": Entry.from_json("a", there)}
    texts = {} if there is None else {"a": there}
    states = {} if state is None else {"a": state}
    return Snapshot("7", NOW, entries, texts, unreadable or {}, states, tables)


def test_a_new_entry_starts_from_now() -> None:
    """Its next time is the first one to come."""
    assert reconcile(seen(table("x", 60)), "shop").changes == (Put("a", text(60), None, NOW + 60),)


def test_what_is_as_declared_is_left_alone() -> None:
    """No change, no new version."""
    state = State(next=NOW + 60)
    assert reconcile(seen(table("x", 60), there=text(60), state=state), "shop").changes == ()


def test_another_schedule_starts_from_now_and_other_facts_do_not() -> None:
    """A daily job whose queue changes at noon is not run once more."""
    state = State(next=NOW + 30)
    other = seen(table("x", 90), there=text(60), state=state)
    assert reconcile(other, "shop").changes == (Put("a", text(90), NOW + 30, Every(90).next_after(NOW)),)
    moved = seen(table("x", 60), there=text(60, queue="other"), state=state)
    assert reconcile(moved, "shop").changes == (Put("a", text(60), NOW + 30, NOW + 30),)


@pytest.mark.parametrize(
    ("one", "two", "winner"),
    [
        (("1.9", 5), ("1.10", 1), 90),
        (("2", 1), ("10", 1), 90),
        (("", 5), ("1", 1), 90),
        (("1", 1), ("1", 2), 90),
        (("3", 1), ("1", 9), 60),
    ],
)
def test_the_higher_release_wins_else_the_later_start(
    one: tuple[str, int], two: tuple[str, int], winner: int
) -> None:
    """Numbers are compared as numbers."""
    there = seen(
        table("x", 60, release=one[0], started=one[1]), table("y", 90, release=two[0], started=two[1])
    )
    (change,) = reconcile(there, "shop").changes
    assert isinstance(change, Put)
    assert change.text == text(winner)


def test_an_entry_goes_when_no_living_life_declares_it() -> None:
    """Not while an older release that has it is alive."""
    state = State(next=NOW + 60)
    old = table("x", 60, living=True)
    assert reconcile(seen(old, there=text(60), state=state), "shop").changes == ()
    dead = table("x", 60, living=False)
    assert reconcile(seen(dead, there=text(60), state=state), "shop").changes == (Remove("a"), Forget("x"))


def test_other_applications_and_run_time_entries_are_left_alone() -> None:
    """Only its own application removes an entry."""
    state = State(next=NOW + 60)
    assert reconcile(seen(there=text(60, "blog"), state=state), "shop").changes == ()
    assert reconcile(seen(there=text(60, None), state=state), "shop").changes == ()


def test_a_name_belongs_to_one_application() -> None:
    """To the one that has it, while that lives; code takes over what was added at run time."""
    theirs = seen(
        table("x", 60), table("y", 90, app="blog"), there=text(90, "blog"), state=State(next=NOW + 90)
    )
    verdict = reconcile(theirs, "shop")
    assert verdict.changes == ()
    assert verdict.taken == {"a": "blog"}
    added = seen(table("x", 60), there=text(60, None), state=State(next=NOW + 60))
    assert reconcile(added, "shop").changes == (Put("a", text(60), NOW + 60, NOW + 60),)


def test_a_next_time_that_is_too_far_ahead_or_missing_is_computed_anew() -> None:
    """But not for an entry that is paused, nor one whose time has come."""
    here = table("x", 60)
    far = State(next=NOW + 365 * 86_400)
    assert reconcile(seen(here, there=text(60), state=far), "shop").changes == (
        Move("a", NOW + 365 * 86_400, NOW + 60),
    )
    assert reconcile(seen(here, there=text(60)), "shop").changes == (Move("a", None, NOW + 60),)
    paused = State(paused=Paused("ann", NOW))
    assert reconcile(seen(here, there=text(60), state=paused), "shop").changes == ()
    overdue = State(next=NOW - 86_400)
    assert reconcile(seen(here, there=text(60), state=overdue), "shop").changes == ()


def test_a_paused_entry_that_changes_stays_paused() -> None:
    """It gets no next time."""
    paused = State(paused=Paused("ann", NOW))
    there = seen(table("x", 90), there=text(60), state=paused)
    assert reconcile(there, "shop").changes == (Put("a", text(90), None, None),)


def test_tables_of_the_same_entries_share_a_text() -> None:
    """Whatever the order in which they were declared."""
    assert table_text({"a": "1", "b": "2"}) == table_text({"b": "2", "a": "1"})
    assert table_text({"a": "1"}) != table_text({"a": "2"})
