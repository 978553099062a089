"""Whose heartbeat has stood still for too long: pure policy over counters and a passed-in monotonic time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MISSED = 3
"""Heartbeats that must be missing, by the interval that their daemon tells, however short our own patience is."""


@dataclass(slots=True)
class Reaping:
    """Watches the counters of all lives of daemons; no wall clock has a say, nor another host's.

    Times are seconds. A counter's stillness is counted between polls that are at most `gap` apart: after
    a longer pause, such as an outage of Redis, every counter looks old, and the count begins again.
    """

    still_for: float
    gap: float
    _polled_at: float = float("-inf")
    _last: dict[str, tuple[int, float]] = field(default_factory=dict)

    def poll(self, counters: Mapping[str, int], now: float) -> list[str]:
        """Note the counters as they are now; the lives that have stood still for too long."""
        trusted = self._last if now - self._polled_at <= self.gap else {}
        self._polled_at = now
        self._last = {
            life: trusted[life] if life in trusted and trusted[life][0] == count else (count, now)
            for life, count in counters.items()
        }
        return [life for life, (_, since) in self._last.items() if now - since >= self.still_for]

    def confirm(self, dead: Iterable[str], intervals: Mapping[str, float], now: float) -> list[str]:
        """Those of a poll's dead that are so by their own intervals too, which may be longer than our patience."""
        return [life for life in dead if now - self._last[life][1] >= MISSED * intervals.get(life, 0.0)]
