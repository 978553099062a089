"""JSON with Ruby's bytes. The expected texts were written by Ruby 3.1's JSON.generate."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.errors import PayloadError
from resqd.store.resque.ruby_json import ruby_float, ruby_inspect, ruby_json

RUBY_FLOATS = {
    1e20: "1.0e+20",
    1e16: "1.0e+16",
    1e15: "1000000000000000.0",
    123456789012345680.0: "1.2345678901234568e+17",
    1.5e-5: "1.5e-05",
    1e-4: "0.0001",
    1e-7: "1.0e-07",
    -0.0: "-0.0",
    100.0: "100.0",
    1.7976931348623157e308: "1.7976931348623157e+308",
    5e-324: "5.0e-324",
}
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(("number", "text"), RUBY_FLOATS.items())
def test_a_float_reads_as_ruby_writes_it(number: float, text: str) -> None:
    """Wherever an exponent stands, a fraction stands before it."""
    assert ruby_float(number) == text
    assert ruby_json({"a": [number]}) == b'{"a":[%b]}' % text.encode()


def test_text_is_escaped_as_ruby_does() -> None:
    """Raw UTF-8, no slash escaped, lower case in what must be escaped."""
    value = {"a": "a/<>&'\u2028\x01\x7f\x1f\b\f\n\r\t\"\\é😀"}
    assert ruby_json(value) == '{"a":"a/<>&\'\u2028\\u0001\x7f\\u001f\\b\\f\\n\\r\\t\\"\\\\é😀"}'.encode()


def test_a_text_that_looks_like_a_number_with_an_exponent_stays() -> None:
    """Only numbers are written another way."""
    assert ruby_json({"1e9": ["2e+7", 1e30, None, True, 7, {}]}) == b'{"1e9":["2e+7",1.0e+30,null,true,7,{}]}'


@given(JSON)
def test_what_is_written_reads_the_same(value: object) -> None:
    """Both ways of writing keep every value."""
    try:
        raw = ruby_json({"a": value})
    except PayloadError:
        json.dumps(value, ensure_ascii=False).encode(
            "utf-16", "surrogatepass"
        )  # a lone surrogate, no other reason
        assert any(0xD800 <= ord(char) < 0xE000 for char in json.dumps(value, ensure_ascii=False))
    else:
        assert json.loads(raw) == {"a": value}
        assert b"\n" not in raw


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "\ud800", object(), 10**5000],
    ids=lambda value: type(value).__name__,
)
def test_what_ruby_cannot_read_is_refused(value: object) -> None:
    """A scheduler would raise for it, over and over."""
    with pytest.raises(PayloadError):
        ruby_json({"a": value})


def test_one_level_too_many_is_refused() -> None:
    """Ruby's JSON reads a hundred."""
    value: dict[str, Any] = {}
    for _ in range(99):
        value = {"a": value}
    assert ruby_json(value)
    with pytest.raises(PayloadError, match="100 levels"):
        ruby_json({"a": value})
    assert ruby_json({"a": "[" * 200})


def test_values_are_shown_as_ruby_does() -> None:
    """As Ruby 3.1 inspects a Hash."""
    assert ruby_inspect({"num": 5, "a": [None, True, "é\n"], "h": {"x": 1e20}}) == (
        '{"num"=>5, "a"=>[nil, true, "é\\n"], "h"=>{"x"=>1.0e+20}}'
    )
