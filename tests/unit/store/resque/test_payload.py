"""Payloads: what Ruby writes is read exactly, and what is no job is refused with a reason."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.errors import PayloadError
from resqd.store.resque.encoding import encode, encode_many, encode_new, new_id
from resqd.store.resque.marks import deliveries
from resqd.store.resque.payload import Payload, decode

HUGE = 10**5_000
DEEP = b'{"class":"A","args":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def test_stock_resque_payload_is_read() -> None:
    """A payload of stock Resque has neither id nor generation: they read as None and 1."""
    raw = b'{"class":"Archive","args":[7,"main"]}'
    assert decode(raw) == Payload("Archive", [7, "main"], None, 1, 0, None, raw)


def test_fork_payload_is_read() -> None:
    """A payload of the Ruby fork carries id and generation."""
    raw = b'{"class":"A::B","args":[],"id":"0123456789abcdef0123456789abcdef","generation":3}'
    job = decode(raw)
    assert (job.job_class, job.id, job.generation) == ("A::B", "0123456789abcdef0123456789abcdef", 3)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not JSON"),
        (b"nonsense", "not JSON"),
        (b'{"class":"A","args":[]} x', "extra data"),
        (b'\xff\xfe{"class"', "not UTF-8"),
        (b'\xef\xbb\xbf{"class":"A","args":[]}', "not JSON"),
        (b'{"class":"A","args":[NaN]}', "NaN"),
        (b'{"class":"A","args":[-Infinity]}', "Infinity"),
        (b'[{"class":"A"}]', "a list"),
        (b"12", "a number"),
        (b"null", "null"),
        (b'{"class":"A","args":[' + b"9" * 5_000 + b"]}", "not JSON"),
        (DEEP, "nested too deep"),
        (b" " + DEEP, "nested too deep"),
        (b'{"args":[]}', "no class"),
        (b'{"class":null,"args":[]}', "class is null"),
        (b'{"class":["A"],"args":[]}', "class is a list"),
        (b'{"class":"A","args":{"a":1}}', "not a list"),
        (b'{"class":"A","args":"x"}', "not a list"),
    ],
)
def test_bad_payload_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    """Bytes that are no job raise PayloadError, whose text says why."""
    with pytest.raises(PayloadError, match=reason):
        decode(raw)


@given(st.binary(max_size=60))
def test_any_bytes_give_a_payload_or_a_payload_error(raw: bytes) -> None:
    """Whatever the bytes are, decode raises nothing but PayloadError."""
    try:
        decode(raw)
    except PayloadError:
        return


def test_missing_and_null_args_count_as_none() -> None:
    """As in Resque, a payload without args runs without arguments."""
    assert decode(b'{"class":"A"}').args == []
    assert decode(b' {"class":"A","args":null} ').args == []


def test_strange_optional_keys_do_not_fail_a_job() -> None:
    """An id, generation or time of another type than ours is read as absent, since Ruby ignores them too."""
    job = decode(b'{"class":"A","args":[],"id":7,"generation":"2","enqueued_at":"noon"}')
    assert (job.id, job.generation, job.enqueued_at) == (None, 1, None)


def test_values_survive_exactly() -> None:
    """A 30-digit integer, UTF-8, a lone surrogate and nested values come out as they were written."""
    raw = '{"class":"A","args":[123456789012345678901234567890,"é☃",{"a":[1.5,null]},"\\ud800"]}'.encode()
    assert decode(raw).args == [123456789012345678901234567890, "é☃", {"a": [1.5, None]}, "\ud800"]


def test_encode_has_the_shape_of_ruby() -> None:
    """Compact, UTF-8 unescaped, keys in the fork's order and our own after them."""
    raw = encode("Archive", [7, "é/☃", None], id="ab" * 16, enqueued_at=1700000000.1234)
    assert (
        raw
        == (
            '{"class":"Archive","args":[7,"é/☃",null],"id":"%s","generation":1,"enqueued_at":1700000000.123}'
            % ("ab" * 16)
        ).encode()
    )


def test_encode_escapes_what_has_no_utf8() -> None:
    """A lone surrogate is written as its JSON escape and comes back the same."""
    raw = encode("A\ud800", ["\udfff"], id="i")
    assert decode(raw)[:2] == ("A\ud800", ["\udfff"])


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), object(), b"bytes", {("a",): 1}, HUGE],
    ids=lambda value: type(value).__name__,
)
def test_encode_refuses_what_is_not_json(value: object) -> None:
    """What JSON cannot hold raises PayloadError at the producer, not in the worker."""
    with pytest.raises(PayloadError, match="cannot be written as JSON"):
        encode("A", [value], id="i")


def test_encode_refuses_a_circle() -> None:
    """A list inside of itself is refused, not followed for ever."""
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(PayloadError):
        encode("A", [circle], id="i")


@given(st.text(), st.lists(JSON_VALUES, max_size=4))
def test_encode_and_decode_are_inverse(name: str, args: list[object]) -> None:
    """Any arguments that JSON can hold come back equal, and any JSON reader can read the bytes."""
    raw = encode(name, args, id=new_id(), enqueued_at=1.5)
    assert decode(raw)[:2] == (name, args)
    assert json.loads(raw)["args"] == args


RUBYS_FORMS = st.sampled_from(
    [
        {"separators": (",", ":"), "ensure_ascii": False},  # JSON.generate
        {"separators": (",", ":"), "ensure_ascii": True},  # JSON.generate with ascii_only
        {"indent": 2, "ensure_ascii": False},  # JSON.pretty_generate
    ]
)


@given(st.text(), st.lists(JSON_VALUES, max_size=4), RUBYS_FORMS)
def test_what_ruby_writes_is_read_whatever_its_form(
    name: str, args: list[object], form: dict[str, Any]
) -> None:
    """Any value, as Ruby's generator writes it, compact, in ASCII or pretty: class and args come back equal."""
    raw = json.dumps({"class": name, "args": args}, **form).encode()
    assert decode(raw)[:2] == (name, args)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rubys_floats_keep_every_bit(number: float) -> None:
    """Ruby writes 1.0e+20 where Python writes 1e+20."""
    mantissa, e, exponent = repr(number).partition("e")
    text = f"{mantissa if '.' in mantissa else mantissa + '.0'}{e}{exponent}"
    [found] = decode(b'{"class":"A","args":[%b]}' % text.encode()).args
    assert (repr(found), type(found)) == (repr(number), float)


def test_deliveries_are_read_from_the_prefix_only() -> None:
    """The count is what resqd spliced in front; a key of that name elsewhere is the producer's."""
    assert deliveries(b'{"deliveries":2,"class":"A","args":[]}') == 2
    assert decode(b'{"deliveries":2,"class":"A","args":[]}').deliveries == 2
    assert decode(b'{"class":"A","args":[],"deliveries":9}').deliveries == 0
    assert deliveries(b"") == 0


def test_encode_many_gives_each_job_its_own_id() -> None:
    """A batch is encoded as single jobs would be, each with an id of 32 hexadecimal digits."""
    pairs = list(encode_many("A", [(1,), (2,), (3,)], enqueued_at=2.0))
    assert len({job_id for job_id, _ in pairs}) == 3
    for (job_id, raw), value in zip(pairs, (1, 2, 3), strict=True):
        assert raw == encode("A", [value], id=job_id, enqueued_at=2.0)
        assert len(job_id) == 32


@given(st.text(), st.lists(JSON_VALUES, max_size=4), st.floats(0, 1e10))
def test_a_new_job_is_written_as_any_other(name: str, args: list[object], now: float) -> None:
    """The short way for one job gives the bytes of the long way, with a new id and the time to a millisecond."""
    job_id, raw = encode_new(name, args, enqueued_at=now)
    millisecond = round(now * 1_000) / 1_000
    assert raw == encode(name, args, id=job_id, enqueued_at=millisecond)
    assert len(job_id) == 32


def test_a_new_job_that_is_not_plain_goes_the_long_way() -> None:
    """A lone surrogate is escaped, and what JSON cannot hold is refused."""
    assert decode(encode_new("A\ud800", ["\udfff"], enqueued_at=1.0)[1])[:2] == ("A\ud800", ["\udfff"])
    with pytest.raises(PayloadError, match="cannot be written as JSON"):
        encode_new("A", [object()], enqueued_at=1.0)


def test_the_limit_on_integers_is_pythons_own() -> None:
    """Integers of as many digits as Python reads survive."""
    digits = "9" * sys.get_int_max_str_digits()
    assert decode(f'{{"class":"A","args":[{digits}]}}'.encode()).args == [int(digits)]
