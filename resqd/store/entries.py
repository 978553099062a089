"""Entries of the in-flight hash and the list of suspects, and the delivery count spliced before a payload."""

from __future__ import annotations

import re

from resqd.store.keys import to_bytes, to_text

_DELIVERIES = re.compile(rb'[ \t\r\n]*\{"deliveries":([0-9]+),')
_COUNTED = 9
"""The most digits that a charge counts up; only a producer can have written more."""


def join_entry(queue: str, payload: bytes) -> bytes:
    """`LENGTH:QUEUE` and the payload, so that any name and any payload fit."""
    name = to_bytes(queue)
    return b"%d:%b%b" % (len(name), name, payload)


def split_entry(entry: bytes) -> tuple[str, bytes]:
    """Queue and payload. Raises ValueError when the bytes are no entry."""
    length, colon, rest = entry.partition(b":")
    if not colon or not length.isdigit():
        raise ValueError("an entry begins with the length of its queue's name")
    size = int(length)
    return to_text(rest[:size]), rest[size:]


def deliveries(payload: bytes) -> int:
    """How many deliveries were charged to this payload; read from the spliced prefix only."""
    match = _DELIVERIES.match(payload)
    if match is None:
        return 0
    digits = match.group(1)
    return int(digits) if len(digits) <= _COUNTED else 10**_COUNTED
