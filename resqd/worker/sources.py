"""Where a worker's next jobs come from: queues in strict order, patterns kept current, caps obeyed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from resqd.clock import Clock
from resqd.settings import QueueSpec
from resqd.store.inflight import Want
from resqd.worker.queues import expand, is_pattern, limited
from resqd.worker.quotas import Quotas

_log = logging.getLogger(__name__)

REFRESH = 0.9
"""Seconds after which the set of queues is read again: new ones are seen within a second."""
COMPLAIN_EVERY = 60.0
"""Seconds between two log lines about the same broken queue."""
COMPLAINTS_KEPT = 1_000
"""Broken queues of which it is remembered beyond that time when they were complained of."""


class Sources:
    """The queues to reserve from, as far as the quotas of capped ones go beyond what is held of them.

    `existing` reads the set of queues from Redis, `waiting` whether any of some queues has a job.
    """

    def __init__(
        self,
        *,
        specs: Sequence[QueueSpec],
        existing: Callable[[], Iterable[str]],
        waiting: Callable[[Iterable[str]], bool],
        quotas: Quotas,
        clock: Clock,
    ) -> None:
        self._specs = specs
        self._existing = existing
        self._waiting = waiting
        self._quotas = quotas
        self._clock = clock
        self._changing = any(is_pattern(spec.pattern) for spec in specs)
        self._queues = tuple((queue, 0) for queue in (() if self._changing else expand(specs, ())))
        self._read_at = float("-inf")
        self._complained: dict[str, float] = {}
        self._full: set[str] = set()
        self.capped = frozenset(spec.pattern for spec in specs if spec.capped)

    def want(self, count: int, held: Mapping[str, int], *, fresh: bool = False) -> Want | None:
        """So many jobs out of the queues of this moment; None when there are none. See `next`."""
        queues = self.next(held, fresh=fresh)
        return Want(count, queues) if queues else None

    def next(self, held: Mapping[str, int], *, fresh: bool = False) -> tuple[tuple[str, int], ...]:
        """The queues in order, each with the most to take of it. `fresh`: read the set anew, a push was seen.

        The same tuple comes again as long as nothing changed, so what is made of it can be kept.
        """
        now = self._clock()
        if self._changing and (fresh or now - self._read_at >= REFRESH):
            queues = tuple((queue, 0) for queue in expand(self._specs, self._existing()))
            self._queues = self._queues if queues == self._queues else queues
            self._read_at = now
        if not self.capped:
            return self._queues
        quotas = {queue: self._quotas.current.get(queue, 0) for queue in self.capped}
        return limited(self._queues, quotas, held)

    def settle(self, held: Mapping[str, int], *, reserving: bool) -> bool:
        """Keep the quotas in line with what is held; whether they changed. See Quotas."""
        return bool(self.capped) and self._quotas.settle(held, reserving=reserving)

    def looked(self, held: Mapping[str, int]) -> None:
        """Note which queues the last look could not take more of."""
        if self.capped:
            self._full = {queue for queue in self.capped if not self._room(queue, held)}

    def freed(self, held: Mapping[str, int]) -> bool:
        """Whether one of those has room again, as jobs ended or the master gave more: worth another look."""
        if not any(self._room(queue, held) for queue in self._full):
            return False
        self._full = set()
        return True

    def left_out(self, held: Mapping[str, int]) -> bool:
        """Whether jobs wait that may not be taken now, because of caps."""
        full = [queue for queue in self.capped if not self._room(queue, held)]
        return bool(full) and self._waiting(full)

    def _room(self, queue: str, held: Mapping[str, int]) -> bool:
        return self._quotas.current.get(queue, 0) > held.get(queue, 0)

    def complain(self, skipped: Iterable[str]) -> None:
        """Say, once a minute each, that these queues are keys of another type."""
        now = self._clock()
        if len(self._complained) > COMPLAINTS_KEPT:  # ever new queues may be broken
            self._complained = {
                queue: at for queue, at in self._complained.items() if now - at < COMPLAIN_EVERY
            }
        for queue in skipped:
            if now - self._complained.get(queue, float("-inf")) >= COMPLAIN_EVERY:
                self._complained[queue] = now
                _log.warning("queue %r is skipped: its key does not hold a list", queue)
