"""Tokens and their ranges."""

from hypothesis import given
from hypothesis import strategies as st

from resqd.store.inflight.tokens import attempts, passes, token_from_text, token_ranges, token_text, uncounted

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


def test_how_often_a_job_was_passed_on_stands_behind_its_tries() -> None:
    """A count of another's, elsewhere or too long, is none; and what is spliced in goes with the other counts."""
    assert passes(b'{"passed":3,"class":"Mail"}') == 3
    spliced = b'{"deliveries":1,"attempts":2,"passed":160,"class":"Mail"}'
    assert (passes(spliced), attempts(spliced)) == (160, 2)
    assert uncounted(spliced) == b'{"class":"Mail"}'
    assert passes(b'{"class":"Mail","passed":3}') == passes(b'{"passed":9999999999,"class":"Mail"}') == 0
