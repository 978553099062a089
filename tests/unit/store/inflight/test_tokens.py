"""Tokens and their ranges."""

from hypothesis import given
from hypothesis import strategies as st

from resqd.store.inflight.tokens import token_from_text, token_ranges, token_text

TOKENS = st.builds(lambda seq, index: seq << 16 | index, st.integers(1, 5), st.integers(0, 40))


@given(st.integers(1, 2**37), st.integers(0, 65_534))
def test_a_token_is_its_text_and_back(seq: int, index: int) -> None:
    """Batch and index survive."""
    token = seq << 16 | index
    assert token_text(token) == f"{seq}.{index}"
    assert token_from_text(token_text(token)) == token


def expanded(ranges: str) -> list[int]:
    tokens = []
    for part in filter(None, ranges.split(";")):
        seq, _, indexes = part.partition(":")
        first, _, last = indexes.partition("-")
        tokens += [int(seq) << 16 | index for index in range(int(first), int(last or first) + 1)]
    return tokens


@given(st.lists(TOKENS, max_size=80))
def test_ranges_name_exactly_the_tokens_in_order(tokens: list[int]) -> None:
    """Scattered, repeated and adjacent tokens of several batches."""
    assert expanded(token_ranges(tokens)) == sorted(set(tokens))


def test_a_whole_batch_is_one_range() -> None:
    """The usual case is a few bytes."""
    assert token_ranges(7 << 16 | index for index in range(500)) == "7:0-499"
