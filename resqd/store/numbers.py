"""Whole numbers as others have written them into Redis."""

from __future__ import annotations

_DIGITS = 18
"""The most digits of any number of ours; int() would raise for some thousands of them."""


def number(text: str | bytes) -> int | None:
    """The number in plain digits; None for anything else, such as the digits of other scripts."""
    plain = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if plain else None
