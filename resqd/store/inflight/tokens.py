"""What stands in the hash of jobs in flight: tokens, entries, and the counts of losses spliced before payloads.

A token names a job of a batch: SEQ << 16 | I in memory, `SEQ.I` in Redis. Its entry holds its queue and its payload.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from resqd.store.names import to_bytes, to_text

INDEX_BITS = 16
INDEX_MASK = (1 << INDEX_BITS) - 1


def token_text(token: int) -> str:
    """The token as a field of the in-flight hash."""
    return f"{token >> INDEX_BITS}.{token & INDEX_MASK}"


def token_from_text(text: str) -> int:
    """The token for a field of the in-flight hash. Raises ValueError."""
    seq, _, index = text.partition(".")
    return int(seq) << INDEX_BITS | int(index)


def tokens_of(fields: Iterable[bytes]) -> set[int]:
    """The tokens among the fields of an in-flight hash, but for jobs that have failed and wait to be recorded."""
    names = {to_text(name) for name in fields}
    return {token_from_text(name) for name in names if not name.startswith("!") and f"!{name}" not in names}


def ranges_of(tokens: Iterable[int]) -> list[tuple[int, int]]:
    """The tokens in ascending order as ranges, each with its first and last one, within one batch."""
    ordered = sorted(tokens)
    if not ordered:
        return []
    if ordered[-1] - ordered[0] + 1 == len(set(ordered)):
        return [(ordered[0], ordered[-1])]
    ranges = []
    first = last = ordered[0]
    for token in ordered:
        if token - last > 1:
            ranges.append((first, last))
            first = token
        last = token
    ranges.append((first, last))
    return ranges


def ranges_text(ranges: Iterable[tuple[int, int]]) -> str:
    """Ranges as `SEQ:FIRST-LAST` or `SEQ:ONLY`, joined by semicolons."""
    return ";".join([_range(first, last) for first, last in ranges])


def token_ranges(tokens: Iterable[int]) -> str:
    """The tokens in ascending order, as the text of their ranges."""
    return ranges_text(ranges_of(tokens))


def _range(first: int, last: int) -> str:
    seq = first >> INDEX_BITS
    if first == last:
        return f"{seq}:{first & INDEX_MASK}"
    return f"{seq}:{first & INDEX_MASK}-{last & INDEX_MASK}"


_COUNTS = re.compile(rb'[ \t\r\n]*\{(?:"deliveries":([0-9]+),(?:"recoveries":([0-9]+),)?|[ \t\r\n]*")')
_COUNTED = 9
"""The most digits that a count may have to be raised; only a producer can have written more."""


class Counts(NamedTuple):
    """How often a job's process was lost: charged to the job, and not charged."""

    deliveries: int
    recoveries: int


COUNTED: Final = b'{"deliveries":'
"""How a payload begins whose lost processes were counted, unless its producer wrote white space first."""


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


_SPLICED = re.compile(
    rb'([ \t\r\n]*\{)(?:"deliveries":[0-9]+,(?:"recoveries":[0-9]+,)?)?(?:"attempts":([0-9]+),)?'
    rb'(?:"passed":([0-9]+),)?(?:"cursor":"([A-Za-z0-9+/=]*)",)?'
)


def attempts(payload: bytes) -> int | None:
    """How many tries of the job have failed and were retried, of which the first bytes are enough.

    None where no number of ours can be spliced in: such a job cannot be retried.
    """
    match = _SPLICED.match(payload)
    if match is None or counts(payload) is None:
        return None
    digits = match[2] or b"0"
    return int(digits) if len(digits) <= _COUNTED else None


def passes(payload: bytes) -> int:
    """How often the job was passed on by daemons that do not know its class."""
    match = _SPLICED.match(payload)
    digits = match[3] if match else None
    return int(digits) if digits and len(digits) <= _COUNTED else 0


def cursor(payload: bytes) -> bytes:
    """How far the job had come, as the worker wrote it, in Base64; empty where it has said nothing."""
    match = _SPLICED.match(payload)
    return (match[4] or b"") if match else b""


def with_cursor(payload: bytes, text: bytes) -> bytes:
    """The payload of a job that has come so far, and has lost no process since; `text` as above."""
    match = _SPLICED.match(payload)
    if match is None or counts(payload) is None:
        return payload
    head, tries = match[1] + b'"deliveries":0,', b'"attempts":%b,' % match[2] if match[2] else b""
    return head + tries + b'"cursor":"%b",' % text + payload[match.end() :]


def uncounted(payload: bytes) -> bytes:
    """The payload without what is spliced before it: as if it had neither lost a process nor been tried."""
    match = _SPLICED.match(payload)
    return payload if match is None else match[1] + payload[match.end() :]
