"""Text from strangers, as it is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.text import SHOWN, escaped, id_fault, lookalikes, progress_text, shown

ANYTHING = st.text(st.characters(exclude_categories=()))
"""Lone surrogates of every kind are among it."""


@given(ANYTHING | st.integers(1, 300).flatmap(lambda length: st.just("\ud800é" * length)))
def test_a_shown_name_is_short_printable_and_stays_as_it_is(name: str) -> None:
    """So it fits into frames, titles and terminals, and what people type of it is what they saw."""
    text = shown(name)
    assert text.isprintable()
    assert len(text.encode()) <= SHOWN
    assert shown(text) == text
    assert id_fault(text) is None or not text.strip()


def test_ordinary_names_are_shown_as_they_are() -> None:
    """An id, a class of Ruby's, a name in another script."""
    for name in ("0f" * 16, "Mail::Welcome", "größe", "with space", "user:42"):
        assert shown(name) == name


def test_long_names_that_begin_alike_stay_apart() -> None:
    """By a digest, not by how they end."""
    assert len({shown("x" * length) for length in (SHOWN, SHOWN + 1, 1_000, 70_000)}) == 4


def test_nothing_unprintable_is_left() -> None:
    """Each is written as Python writes it."""
    assert escaped("a\n\0\x1b\ud800\udcff\u202e é") == "a\\n\\x00\\x1b\\ud800\\udcff\\u202e é"


@pytest.mark.parametrize("job_id", ["", " ", "\t\n", "a\nb", "\ud800", "\0", "x" * 1025])
def test_what_can_be_no_id(job_id: str) -> None:
    """Empty, blank, unprintable, endless."""
    assert id_fault(job_id)


def test_what_was_meant_is_the_nearest_of_the_names() -> None:
    """The nearest first, no more than were asked for, and nothing that is too different."""
    names = ["send_mail", "send_mails", "archive", "sand_mail"]
    assert lookalikes("send_mial", names) == ["send_mail", "send_mails", "sand_mail"]
    assert lookalikes("send_mial", names, most=1) == ["send_mail"]
    assert lookalikes("thumbnail", ["archive"]) == []


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ((450.0, 1000.0, "rows"), "45% (450 of 1,000) rows"),
        ((1234.0, 0.0, ""), "1,234"),
        ((1.5, 3.0, ""), "50% (1.50 of 3)"),
        ((3.0, -1.0, "odd"), "3 odd"),
    ],
)
def test_progress_is_said_as_people_count(told: tuple[float, float, str], said: str) -> None:
    """A share where the whole is known."""
    assert progress_text(*told) == said
