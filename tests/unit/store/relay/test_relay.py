"""Rows of an outbox, as the table has them."""

import pytest

from resqd.store.relay.relay import Row
from resqd.store.unique.locks import Terms

PLAIN = Row(key="k", queue="mail", raw=b"{}")


@pytest.mark.parametrize(
    "row",
    [
        PLAIN,
        Row(key="k", queue="mail", raw=b"\xff\0", front=True),
        Row(key="k", queue="mail", raw=b"{}", due=1, ticket="t"),
        Row(key="k", queue="mail", raw=b"{}", ticket="t", fingerprint="f", terms=Terms("replace", 0, 9)),
    ],
    ids=["plain", "front", "later", "unique"],
)
def test_a_row_comes_back_as_it_was(row: Row) -> None:
    """Through the text that the table has of it."""
    assert Row.of(key=row.key, queue=row.queue, raw=row.raw, facts=row.facts()) == row


def test_a_plain_row_has_no_facts() -> None:
    """Most are."""
    assert PLAIN.facts() == ""


def test_what_only_another_release_knows_is_not_guessed_at() -> None:
    """The row says so, and stays in its table."""
    assert not Row.of(key="k", queue="mail", raw=b"{}", facts='{"due": 1, "moon": "full"}').known
