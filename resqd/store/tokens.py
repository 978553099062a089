"""Tokens: which job of which batch. SEQ << 16 | I in memory, `SEQ.I` in Redis."""

from __future__ import annotations

from collections.abc import Iterable

INDEX_BITS = 16
INDEX_MASK = (1 << INDEX_BITS) - 1


def token_text(token: int) -> str:
    """The token as a field of the in-flight hash."""
    return f"{token >> INDEX_BITS}.{token & INDEX_MASK}"


def token_from_text(text: str) -> int:
    """The token for a field of the in-flight hash. Raises ValueError."""
    seq, _, index = text.partition(".")
    return int(seq) << INDEX_BITS | int(index)


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
