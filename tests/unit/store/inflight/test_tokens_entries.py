"""Entries and the counts before payloads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.store.inflight.tokens import attempts, counts, join_entry, split_entry, uncounted
from resqd.store.names import to_text


@given(st.binary(max_size=40), st.binary(max_size=80))
def test_an_entry_keeps_any_name_and_any_payload(name: bytes, payload: bytes) -> None:
    """Whatever the bytes are, they come apart as they were joined."""
    assert split_entry(join_entry(to_text(name), payload)) == (to_text(name), payload)


@pytest.mark.parametrize("entry", [b"", b"x", b":mail", b"-1:mail", b"4mail"])
def test_other_bytes_are_no_entry(entry: bytes) -> None:
    """They raise ValueError."""
    with pytest.raises(ValueError, match="entry"):
        split_entry(entry)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"deliveries":3,"class":"X"}', (3, 0)),
        (b' \n{"deliveries":3,"class":"X"}', (3, 0)),
        (b'{"deliveries":0,"recoveries":2,"class":"X"}', (0, 2)),
        (b'{"deliveries":999999999,"class":"X"}', (999_999_999, 0)),
        (b'{"deliveries":%b,"class":"X"}' % (b"9" * 5_000), None),
        (b'{"deliveries":1,"recoveries":1234567890,"class":"X"}', None),
        (b'{"deliveries":1,"recoveries":"2","class":"X"}', (1, 0)),
        (b'{"recoveries":2,"class":"X"}', (0, 0)),
        (b'{ "class":"X"}', (0, 0)),
        (b'{"class":"X","deliveries":3}', (0, 0)),
        (b'{"deliveries":"3","class":"X"}', (0, 0)),
        (b'{"deliveries":-3,"class":"X"}', (0, 0)),
        (b'{"', (0, 0)),
        (b"{}", None),
        (b"[1]", None),
        (b"", None),
    ],
)
def test_only_the_spliced_prefix_counts(payload: bytes, expected: tuple[int, int] | None) -> None:
    """A member of the same name elsewhere is the producer's; what is no object with members cannot be counted."""
    assert counts(payload) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"deliveries":3,"class":"X"}', b'{"class":"X"}'),
        (b'{"deliveries":0,"recoveries":2,"class":"X"}', b'{"class":"X"}'),
        (b' {"deliveries":%b,"class":"X"}' % (b"9" * 5_000), b' {"class":"X"}'),
        (b'{ "class":"X","deliveries":3}', b'{ "class":"X","deliveries":3}'),
        (b'{"attempts":2,"class":"X"}', b'{"class":"X"}'),
        (b'{"deliveries":1,"recoveries":2,"attempts":3,"id":"a","class":"X"}', b'{"id":"a","class":"X"}'),
        (b'{"class":"X","attempts":2}', b'{"class":"X","attempts":2}'),
        (b"[1]", b"[1]"),
    ],
)
def test_only_the_spliced_prefix_goes(payload: bytes, expected: bytes) -> None:
    """Every other byte of the payload stays, of one without counts all."""
    assert uncounted(payload) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"class":"X"}', 0),
        (b'{"attempts":3,"class":"X"}', 3),
        (b'{"deliveries":1,"attempts":3,"class":"X"}', 3),
        (b'{"deliveries":1,"recoveries":1,"attempts":999999999,"class":"X"}', 999_999_999),
        (b'{"attempts":3,"deliveries":1,"class":"X"}', 3),
        (b'{"class":"X","attempts":3}', 0),
        (b'{"attempts":"3","class":"X"}', 0),
        (b'{"attempts":1234567890,"class":"X"}', None),
        (b'{"deliveries":1234567890,"attempts":1,"class":"X"}', None),
        (b"{}", None),
        (b"[1]", None),
    ],
)
def test_tries_are_counted_in_the_spliced_prefix(payload: bytes, expected: int | None) -> None:
    """None where no number of ours can be spliced in, so that nobody is tried for ever."""
    assert attempts(payload) == expected
