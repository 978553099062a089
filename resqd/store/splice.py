"""Changing single values of a JSON object in its text, so that every other byte stays as it was written."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from resqd.errors import PayloadError
from resqd.store.payload import scan

_SPACE: Final = re.compile(r"[ \t\n\r]*")


class Span(NamedTuple):
    """A value of an object: what it is, and where it stands in the text."""

    value: Any
    start: int
    end: int


def spans(text: str) -> dict[str, Span]:
    """The values at an object's top level, by key; of a key that repeats the last, as JSON readers take it.

    Raises PayloadError where the text is not one JSON object.
    """
    found: dict[str, Span] = {}
    at = _expect(text, _skip(text, 0), "{")
    if text[at : at + 1] == "}":
        return found
    while True:
        key, at = scan(text, at)
        if not isinstance(key, str):
            raise PayloadError("the text is not a JSON object")
        start = _expect(text, _skip(text, at), ":")
        value, end = scan(text, start)
        found[key] = Span(value, start, end)
        at = _skip(text, end)
        if text[at : at + 1] == "}":
            return found
        at = _expect(text, at, ",")


def put(text: str, values: dict[str, str]) -> str:
    """The object with these keys set to these JSON texts: replaced where they stand, else added at the end."""
    known = spans(text)
    for key in sorted(known.keys() & values.keys(), key=lambda key: known[key].start, reverse=True):
        text = text[: known[key].start] + values[key] + text[known[key].end :]
    added = "".join(f',"{key}":{value}' for key, value in values.items() if key not in known)
    if not known:
        added = added.removeprefix(",")
    return text[: text.rindex("}")] + added + "}"


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, char: str) -> int:
    if text[at : at + 1] != char:
        raise PayloadError(f"the text is not a JSON object: no {char} at character {at}")
    return _skip(text, at + 1)
