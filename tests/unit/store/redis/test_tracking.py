"""Which keys the doorbell asks Redis about, and which of them ring."""

from __future__ import annotations

import pytest

from resqd.store.keys import Keys
from resqd.store.names import literal_head, matches
from resqd.store.redis.tracking import Hearing


def hearing(*queues: str) -> Hearing:
    return Hearing(keys=Keys("resque"), queues=queues)


def test_named_queues_are_heard_exactly() -> None:
    """The prefix is the whole key, and a longer name that begins with it does not ring."""
    heard = hearing("mail", "high")
    assert heard.prefixes == [b"resque:queue:high", b"resque:queue:mail"]
    assert heard.concerns(b"resque:queue:mail")
    assert not heard.concerns(b"resque:queue:mailing")


def test_prefixes_never_overlap() -> None:
    """Redis refuses a prefix that begins another one of the same client."""
    heard = hearing("mail", "mailing", "mail*")
    assert heard.prefixes == [b"resque:queue:mail", b"resque:queues"]
    assert heard.concerns(b"resque:queue:mailing")


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [("*", b"resque:queue:"), ("mail_*", b"resque:queue:mail_"), ("{a,b}", b"resque:queue:")],
)
def test_a_pattern_is_heard_by_its_literal_head(pattern: str, prefix: bytes) -> None:
    """And so is the set of queues' names, where a new queue shows."""
    assert hearing(pattern).prefixes == [prefix, b"resque:queues"]
    assert hearing(pattern).concerns(b"resque:queues")


def test_only_what_matches_a_pattern_rings() -> None:
    """Other queues below the same head, and other keys, do not."""
    heard = hearing("{a,b}_*")
    assert heard.concerns(b"resque:queue:a_1")
    assert not heard.concerns(b"resque:queue:c_1")
    assert not heard.concerns(b"resque:workers")
    assert hearing("*").concerns(b"resque:queue:\xff\xfe")


def test_many_queues_are_heard_by_one_prefix() -> None:
    """Redis compares every written key with every prefix; names are told apart here instead."""
    heard = hearing(*(f"q{i:03}" for i in range(1000)))
    assert heard.prefixes == [b"resque:queue:"]
    assert heard.concerns(b"resque:queue:q999")
    assert not heard.concerns(b"resque:queue:other")


def test_patterns_match_as_in_ruby() -> None:
    """Stars, question marks, brackets and alternatives; a plain name stands for itself only."""
    assert matches("a{b,c}?", "acx")
    assert not matches("a{b,c}?", "adx")
    assert matches("a", "a")
    assert not matches("a", "ab")
    assert literal_head("ab{c,d}") == "ab"
    assert literal_head("abc") == "abc"
