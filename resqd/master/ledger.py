"""The master's books: what all workers, living and dead, have done. Pure arithmetic over their reports."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from resqd.wire.messages import Stats

WINDOW = 10.0
"""Seconds over which the rate is taken."""
SAMPLE_EVERY = 0.5


@dataclass(slots=True)
class Ledger:
    """Totals since the daemon's start.

    Each fork reports its own totals from its birth, so a report that is lost, late or sent twice
    changes nothing; what a dead fork last said stays in `past`.
    """

    past: tuple[int, int] = (0, 0)
    """Processed and failed jobs of the forks that are dead."""
    _current: dict[int, tuple[int, int]] = field(default_factory=dict)
    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    def report(self, fork: int, stats: Stats) -> None:
        """Take a fork's report; one that is older than the last changes nothing."""
        processed, failed = self._current.get(fork, (0, 0))
        self._current[fork] = max(processed, stats.processed), max(failed, stats.failed)

    def buried(self, fork: int) -> None:
        """Keep what a dead fork has done."""
        processed, failed = self._current.pop(fork, (0, 0))
        self.past = self.past[0] + processed, self.past[1] + failed

    @property
    def processed(self) -> int:
        """Jobs that ended, failed ones too."""
        return self.past[0] + sum(processed for processed, _ in self._current.values())

    @property
    def failed(self) -> int:
        """Jobs that failed."""
        return self.past[1] + sum(failed for _, failed in self._current.values())

    def sample(self, now: float) -> None:
        """Note the total at this moment, for the rate; cheap enough for every turn of the loop."""
        if not self._samples or now - self._samples[-1][0] >= SAMPLE_EVERY:
            self._samples.append((now, self.processed))
        while len(self._samples) > 2 and now - self._samples[1][0] > WINDOW:
            self._samples.popleft()

    def per_second(self, now: float) -> float:
        """Jobs ended each second, over the last WINDOW seconds."""
        if not self._samples:
            return 0.0
        since, processed = self._samples[0]
        elapsed = now - since
        return (self.processed - processed) / elapsed if elapsed > 0 else 0.0
