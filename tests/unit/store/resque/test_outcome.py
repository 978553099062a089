"""What is written of a job's end, and how it is read."""

from typing import Any

import pytest

from resqd.store.debts import Debt
from resqd.store.resque.outcome import (
    LONGEST,
    PENDING,
    Outcome,
    debt_for,
    kept,
    read,
    refusal,
    with_error,
    with_value,
)

OWED = (Debt("unique", "f 1"), debt_for("ab", 0.2))


def written(debts: tuple[Debt, ...]) -> Outcome:
    [member] = [debt.member for debt in debts if debt.kind == "kept"]
    seconds, job_id, text = member.split(" ", 2)
    assert (seconds, job_id) == ("1", "ab")
    return read(text.encode())


@pytest.mark.parametrize("value", [None, 0, "a b", {"k": [1.5, "\ud800", "\0é"]}, [[], {}]])
def test_a_value_is_read_as_it_was_returned(value: Any) -> None:
    """Whatever JSON can hold; other debts stay as they are."""
    debts = with_value(OWED, value)
    assert written(debts) == Outcome("done", value)
    assert (debts[0], refusal(debts)) == (OWED[0], None)


def test_what_cannot_be_kept_says_why_and_is_done_all_the_same() -> None:
    """The job has succeeded."""
    for value, word in ((object(), "JSON"), (float("nan"), "JSON"), ("x" * LONGEST, "bytes")):
        debts = with_value(OWED, value)
        assert (written(debts).state, word in str(written(debts).error)) == ("done", True)
        assert refusal(debts) == written(debts).error


def test_a_failure_has_its_error() -> None:
    """Its type and its text, not without end."""
    assert written(with_error(OWED, ("ValueError", "no"))) == Outcome("failed", None, "ValueError: no")
    assert len(str(written(with_error(OWED, ("E", "x" * 9_000))).error)) == 2_000


def test_who_owes_no_result_writes_none() -> None:
    """Unless the job's code wants it; an id that no key can hold has none."""
    plain = OWED[:1]
    assert with_value(plain, 1) == with_error(plain, ("E", "e")) == kept(plain, "ab", None) == plain
    assert kept(plain, "ab", 1) == OWED == kept(OWED, "ab", 9)
    assert kept((), None, 1) == kept((), "a b", 1) == kept((), "\ud800", 1) == ()


@pytest.mark.parametrize(
    "raw", [None, b"", b"{", b"[]", b'"done"', b'{"state":"pending"}', b'{"state":[]}', b"\xff"]
)
def test_what_nobody_of_ours_wrote_counts_as_nothing(raw: bytes | None) -> None:
    """So whoever waits goes on."""
    assert read(raw) == PENDING
