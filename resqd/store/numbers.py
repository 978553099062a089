"""Whole numbers as others have written them into Redis."""

from __future__ import annotations

_DIGITS = 18
"""The most digits of any number of ours; int() would raise for some thousands of them."""


def number(text: str | bytes) -> int | None:
    """The number in plain digits; None for anything else, such as the digits of other scripts."""
    plain = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if plain else None


def seconds(text: bytes) -> float:
    """A time that another daemon tells; 0 for what is none, or for ever."""
    try:
        told = float(text)
    except ValueError:
        return 0.0
    return told if 0 < told < float("inf") else 0.0
