"""The history in Redis as pages show it: read seldom, for however many readers."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from resqd.store.history.reader import History
from resqd.store.history.spans import DAY, HOUR, MINUTE, start

if TYPE_CHECKING:
    from resqd.app import App
    from resqd.clock import Clock
    from resqd.store.history.reader import Point

OVERS: Final = {"1h": (HOUR, MINUTE), "8h": (8 * HOUR, MINUTE), "7d": (7 * DAY, HOUR), "1y": (365 * DAY, DAY)}
"""For how long back, and in what spans, in seconds."""
FRESH: Final = 20.0
"""Seconds for which what was read is good: a row comes once a minute."""


class Histories:
    """Threads may share it."""

    def __init__(self, app: App, clock: Clock = time.monotonic) -> None:
        self._app = app
        self._clock = clock
        self._lock = threading.Lock()
        self._read: dict[str, tuple[float, list[Point]]] = {}

    def over(self, name: str, now: float) -> list[Point]:
        """The points of one of OVERS up to `now` (seconds since 1970), the oldest first; raises StoreError.

        The minute that ended last may not be merged yet, so minutes end with the one before.
        """
        seconds, span = OVERS[name]
        with self._lock:
            at, points = self._read.get(name, (float("-inf"), []))
            if self._clock() - at >= FRESH:
                until = start(now, MINUTE) - MINUTE if span == MINUTE else now
                history = self._app.store.open(History)
                points = history.points(span=span, since=until - seconds, until=until)
                self._read[name] = self._clock(), points
            return points
