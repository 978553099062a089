"""JSON as Ruby's `JSON.generate` writes it: its plugins find what they once wrote by these bytes."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final

from resqd.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEPTH: Final = 100
"""Levels that Ruby's JSON reads. A text with more raises in a scheduler's loop, over and over."""
_quote: Final = json.encoder.encode_basestring
_encoder: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
)
_EXPONENT: Final = re.compile(r"[0-9]e[+-]?[0-9]")


def ruby_json(value: Mapping[str, Any]) -> bytes:
    """The bytes of an object; raises PayloadError for what Ruby could not read: NaN, lone surrogates, 101 levels."""
    try:
        text = _encoder.encode(value)
        if _EXPONENT.search(text):
            text = "".join(_chunks(value))  # most likely a number, which the two languages write differently
        raw = text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(f"this cannot be written as JSON that Ruby reads: {error}") from None
    if text.count("[") + text.count("{") > _DEPTH and depth(value) > _DEPTH:
        raise PayloadError(f"Ruby reads no JSON of more than {_DEPTH} levels")
    return raw


def depth(value: object) -> int:
    """How many levels of lists and objects there are."""
    level, levels = [value], 0
    while level := [item for item in level if isinstance(item, dict | list | tuple)]:
        levels += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return levels


def ruby_float(number: float) -> str:
    """A number as Ruby's Float#to_s: as Python's, but with a fraction before each exponent."""
    if not math.isfinite(number):
        raise ValueError(f"{number} is not JSON")
    mantissa, letter, exponent = repr(number).partition("e")
    return f"{mantissa}.0e{exponent}" if letter and "." not in mantissa else mantissa + letter + exponent


def ruby_inspect(value: object) -> str:
    """A value as Ruby's `inspect` shows it up to 3.3."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{ruby_inspect(key)}=>{ruby_inspect(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(ruby_inspect, value))}]"
    return "nil" if value is None else "".join(_chunks(value))


def _chunks(value: object) -> Iterator[str]:
    if isinstance(value, float):
        yield ruby_float(value)
    elif isinstance(value, dict):
        yield "{"
        for number, (key, item) in enumerate(value.items()):
            yield f"{',' if number else ''}{_key(key)}:"
            yield from _chunks(item)
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for number, item in enumerate(value):
            yield "," if number else ""
            yield from _chunks(item)
        yield "]"
    else:
        yield _encoder.encode(value)


def _key(key: object) -> str:
    """A key of an object. The encoder writes those that are no strings as it does alone: `1`, `true`, `null`."""
    return _quote(
        key if isinstance(key, str) else ruby_float(key) if isinstance(key, float) else _encoder.encode(key)
    )
