"""Numbers of the jobs that a worker holds: how long the next one has waited, and how many are of a capped queue."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection

from resqd.store.inflight.owner import Reservation


class Arrivals:
    """When jobs were handed to the threads, as long as one of a batch may wait."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, float]] = deque()  # jobs taken in so far, and when
        self._taken_in = 0

    def note(self, jobs: int, now: float) -> None:
        """So many have come."""
        self._taken_in += jobs
        self._batches.append((self._taken_in, now))

    def oldest(self, waiting: int) -> float | None:
        """When the first of the last `waiting` jobs came; None where none waits."""
        batches, begun = self._batches, self._taken_in - waiting
        while batches and batches[0][0] <= begun:
            batches.popleft()
        return batches[0][1] if waiting and batches else None

    def clear(self) -> None:
        """None waits any more."""
        self._batches.clear()


class Capped:
    """How many jobs of each capped queue are held."""

    def __init__(self, queues: Collection[str]) -> None:
        self._capped = queues
        self._queues: dict[int, str] = {}
        self.held: Counter[str] = Counter()

    def take_in(self, batch: list[Reservation]) -> None:
        """Count those of capped queues."""
        if self._capped:
            capped = {token: queue for token, queue, _ in batch if queue in self._capped}
            self._queues.update(capped)
            self.held.update(capped.values())

    def forget(self, tokens: list[int]) -> None:
        """Count them no more."""
        if self._queues:
            ended = [queue for token in tokens if (queue := self._queues.pop(token, None)) is not None]
            self.held.subtract(ended)
