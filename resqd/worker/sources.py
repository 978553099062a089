"""Where a worker's next jobs come from: queues in strict order, patterns kept current, caps obeyed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from resqd.clock import Clock
from resqd.settings import QueueSpec
from resqd.worker.queues import expand, is_pattern, limited

_log = logging.getLogger(__name__)

REFRESH = 0.9
"""Seconds after which the set of queues is read again: new ones are seen within a second."""
COMPLAIN_EVERY = 60.0
"""Seconds between two log lines about the same broken queue."""


class Sources:
    """The queues to reserve from; `existing` reads the set of queues from Redis."""

    def __init__(
        self, *, specs: Sequence[QueueSpec], existing: Callable[[], Iterable[str]], clock: Clock
    ) -> None:
        self._specs = specs
        self._existing = existing
        self._clock = clock
        self._changing = any(is_pattern(spec.pattern) for spec in specs)
        self._queues = tuple((queue, 0) for queue in (() if self._changing else expand(specs, ())))
        self._read_at = float("-inf")
        self._complained: dict[str, float] = {}
        self.quotas: Mapping[str, int] = {}

    @property
    def capped(self) -> bool:
        """Whether any queue has a cap."""
        return any(spec.cap_count is not None or spec.cap_percent is not None for spec in self._specs)

    def next(self, held: Mapping[str, int], *, fresh: bool = False) -> tuple[tuple[str, int], ...]:
        """The queues in order, each with the most to take of it. `fresh`: read the set anew, a push was seen.

        The same tuple comes again as long as nothing changed, so what is made of it can be kept.
        """
        now = self._clock()
        if self._changing and (fresh or now - self._read_at >= REFRESH):
            queues = tuple((queue, 0) for queue in expand(self._specs, self._existing()))
            self._queues = self._queues if queues == self._queues else queues
            self._read_at = now
        return limited(self._queues, self.quotas, held) if self.quotas else self._queues

    def complain(self, skipped: Iterable[str]) -> None:
        """Say, once a minute each, that these queues are keys of another type."""
        now = self._clock()
        for queue in skipped:
            if now - self._complained.get(queue, float("-inf")) >= COMPLAIN_EVERY:
                self._complained[queue] = now
                _log.warning("queue %r is skipped: its key does not hold a list", queue)
