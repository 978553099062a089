"""Entries and their form in Redis."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.cron.entry import Entry, tick_id
from resqd.cron.schedule import Every

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(json_values, max_size=4),
    st.sampled_from(["once", "all", "skip"]),
    st.none() | st.text(min_size=1),
)
def test_an_entry_is_read_as_it_was_written(args: list[Any], misfire: str, app: str | None) -> None:
    """And written the same again, so that daemons can compare texts."""
    entry = Entry("nightly", Every(900, 60), "jobs.Clean", "low", tuple(args), misfire, app)
    text = entry.to_json()
    assert Entry.from_json("nightly", text) == entry
    assert Entry.from_json("nightly", text).to_json() == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "lacks"),
        ('{"args":[NaN]}', "NaN is not JSON"),
        ('{"every":60,"offset":0}', "lacks"),
        ('{"class":"A","queue":"q","args":[],"misfire":"once","moon":"full"}', "no schedule"),
        ('{"class":"A","queue":"q","args":[],"misfire":"twice","every":60,"offset":0}', "misfire is 'twice'"),
        ('{"class":"A","queue":"q","args":[],"misfire":"once","cron":"* * *","tz":"UTC"}', "has 3 fields"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, said: str) -> None:
    """One error type, whatever the bytes."""
    with pytest.raises(ValueError, match=said):
        Entry.from_json("nightly", text)


def test_members_of_a_newer_release_are_passed_over() -> None:
    """They may say more; what is known still holds."""
    facts = {**json.loads(Entry("a", Every(60), "A", "q").to_json()), "shiny": True}
    assert Entry.from_json("a", json.dumps(facts)) == Entry("a", Every(60), "A", "q")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201, "\udcff"])
def test_names_become_ids(name: str) -> None:
    """So they are short and can be printed."""
    with pytest.raises(ValueError, match="name"):
        Entry(name, Every(60), "A", "q")


def test_an_id_is_of_one_time_of_one_entry() -> None:
    """The same on each host."""
    assert tick_id("nightly", 1_790_000_000) == "cron:nightly:1790000000"
