"""What a worker could use of the caps of queues, as far as that has lasted; the master deals by it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from resqd.wire.messages import Usable

STEADY = 0.05
"""Seconds that a worker must have been able to use more, or less, than it has told: jobs begin and end all the time."""
NEVER = float("inf")


class Demand:
    """The fetcher sees, the control thread tells; each attribute has one writer.

    `most` is what can be used of each capped queue: its cap, or all threads. That is what the master reckons with until
    it is told otherwise.
    """

    def __init__(self, threads: int, most: Mapping[str, int]) -> None:
        self.steady_at = NEVER
        """When something that differs now from what was last told will have lasted; see again then."""
        self._threads = threads
        self._most = dict(most)
        self._settled = dict(most)
        self._told = dict(most)
        self._drifts: dict[str, tuple[float, int]] = {}  # since when, and the least difference since then

    def see(self, held: Mapping[str, int], unfinished: int, now: float) -> bool:
        """Note how many jobs are held of each queue and in all; whether there is news.

        Threads whose slots still belong to another worker count as this one's: it will have them soon.
        """
        idle = max(0, self._threads - unfinished)
        self.steady_at = NEVER
        steady: dict[str, int] = {}
        for queue, most in self._most.items():
            usable = min(most, held.get(queue, 0) + idle)
            since, nearest = self._drift(queue, usable, now)
            if now >= since + STEADY:
                steady[queue] = nearest
                del self._drifts[queue]
                since = NEVER
                if usable != nearest:
                    # That has to last from here on, and perhaps nothing else makes anybody look.
                    since, _ = self._drifts[queue] = now, usable
            self.steady_at = min(self.steady_at, since + STEADY)
        if steady:
            self._settled = {**self._settled, **steady}
        return bool(steady)

    def rest(self) -> bool:
        """Note that the worker takes no jobs now: it has nothing to tell of it."""
        self.steady_at = NEVER
        self._drifts.clear()
        return False

    def _drift(self, queue: str, usable: int, now: float) -> tuple[float, int]:
        """Since when it differs in this direction from what is settled, and what it was at the nearest.

        NEVER: it does not differ.
        """
        settled = self._settled[queue]
        if usable == settled:
            self._drifts.pop(queue, None)
            return NEVER, usable
        since, nearest = self._drifts.get(queue, (now, usable))
        if (nearest > settled) is not (usable > settled):
            since, nearest = now, usable
        nearest = min(nearest, usable) if usable > settled else max(nearest, usable)
        self._drifts[queue] = since, nearest
        return since, nearest

    def news(self) -> Usable | None:
        """What the master has not been told yet."""
        return Usable(self._settled) if self._settled != self._told else None

    def told(self, message: Usable) -> None:
        """The master has been sent this."""
        self._told = message.quotas
