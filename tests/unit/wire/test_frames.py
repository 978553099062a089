"""The message codec, for every message that there is."""

import dataclasses
import types
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.errors import ProtocolError
from resqd.wire import messages
from resqd.wire.frames import Decoder, encode
from resqd.wire.messages import Message

KINDS: tuple[type[Any], ...] = typing.get_args(Message)
TEXT = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ["\ud800", "\udcff x", "a\0\udfff\ud83d"]
)
"""Names hold what they like: bytes that are not UTF-8 are lone surrogates, and JSON has them of every other kind."""
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(0, 2**64 - 1),
    float: st.floats(allow_nan=False),
    str: TEXT,
    bytes: st.binary(max_size=50),
    bool: st.booleans(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Anything that fits a field's type."""
    if isinstance(hint, types.GenericAlias):
        if hint.__origin__ is dict:
            return st.dictionaries(TEXT, st.integers(0, 1000), max_size=3)
        return st.lists(values(hint.__args__[0]), max_size=3).map(tuple)
    return instances(hint) if dataclasses.is_dataclass(hint) else PLAIN[hint]


def instances(kind: Any) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind, vars(messages))
    return st.builds(kind, **{field.name: values(hints[field.name]) for field in dataclasses.fields(kind)})


MESSAGES = st.sampled_from(KINDS).flatmap(instances)


@given(st.lists(MESSAGES, max_size=5), st.data())
def test_messages_survive_however_the_bytes_are_cut(sent: list[Message], data: st.DataObject) -> None:
    """Encoded, joined, cut anywhere and fed in pieces: the same messages in the same order."""
    stream = b"".join(map(encode, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    decoder, received = Decoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += decoder.feed(stream[start:end])
    assert received == sent


@given(st.binary(max_size=200))
def test_other_bytes_raise_one_error_or_wait_for_more(stream: bytes) -> None:
    """Nothing but ProtocolError comes out of the decoder."""
    try:
        Decoder().feed(stream)
    except ProtocolError:
        return


@given(MESSAGES, st.data())
def test_a_damaged_message_raises_one_error_or_is_another(message: Message, data: st.DataObject) -> None:
    """One byte changed: a message, or ProtocolError."""
    damaged = bytearray(encode(message))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = Decoder().feed(bytes(damaged))
    except ProtocolError:
        return
    assert all(isinstance(one, KINDS) for one in found)


def test_a_message_that_never_ends_is_refused() -> None:
    """A length of 2 GiB costs no more than the limit."""
    decoder = Decoder(limit=1000)
    with pytest.raises(ProtocolError):
        decoder.feed(b"\xc6\x7f\xff\xff\xff" + b"x" * 1001)
