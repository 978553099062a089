"""Entries of the in-flight hash and the list of suspects, and the counts spliced before a payload."""

from __future__ import annotations

import re
from typing import NamedTuple

from resqd.store.keys import to_bytes, to_text

_COUNTS = re.compile(rb'[ \t\r\n]*\{(?:"deliveries":([0-9]+),(?:"recoveries":([0-9]+),)?|[ \t\r\n]*")')
_COUNTED = 9
"""The most digits that a count may have to be raised; only a producer can have written more."""


class Counts(NamedTuple):
    """How often a job's process was lost: charged to the job, and not charged."""

    deliveries: int
    recoveries: int


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


def counts(payload: bytes) -> Counts | None:
    """What is spliced before this payload, of which the first bytes are enough; None where it cannot be counted."""
    match = _COUNTS.match(payload)
    if match is None:
        return None
    deliveries, recoveries = (digits or b"0" for digits in match.groups())
    if max(len(deliveries), len(recoveries)) > _COUNTED:
        return None
    return Counts(int(deliveries), int(recoveries))
