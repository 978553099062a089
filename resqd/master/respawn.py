"""How long a place stays empty after its child died: pure arithmetic."""

from __future__ import annotations

FIRST = 1.0
MOST = 30.0
"""Seconds: the first and the longest pause."""


class Respawn:
    """The growing pause before a child that keeps dying at boot is forked again, for one place."""

    def __init__(self) -> None:
        self._pause = 0.0

    def failed(self) -> float:
        """The pause after one more death at boot, in seconds: 1, 2, 4 … 30."""
        self._pause = min(MOST, self._pause * 2 or FIRST)
        return self._pause

    def good(self) -> None:
        """Note a child that booted."""
        self._pause = 0.0
