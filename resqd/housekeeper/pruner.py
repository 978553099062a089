"""Takes dead daemons of resqd's off Resque's registry; a Ruby worker's entry is never touched."""

from __future__ import annotations

import logging
from typing import NamedTuple

from resqd.clock import Clock
from resqd.housekeeper.reaping import MISSED
from resqd.store.registry import Registry

_log = logging.getLogger(__name__)


class _Sight(NamedTuple):
    beat: str | None
    since: float


class Pruner:
    """Strikes off who did not beat between this pruner's own looks, for `patience` seconds of them.

    No clock but our own decides, and an outage of Redis, after which every heartbeat looks old, starts
    the count again.
    """

    def __init__(self, *, registry: Registry, worker_id: str, patience: float, clock: Clock) -> None:
        self._registry = registry
        self._worker_id = worker_id
        self._patience = patience
        self._clock = clock
        self._seen: dict[str, _Sight] = {}
        self._looked_at = clock()

    def look(self) -> None:
        """Look at all daemons' heartbeats; may raise a StoreError."""
        beats = self._registry.beats()
        now = self._clock()
        if now - self._looked_at > 2 * self._patience:
            self._seen.clear()
        self._looked_at = now
        sights = {each: self._sight(each, beat, now) for each, beat in beats.items()}
        self._seen = {each: sight for each, sight in sights.items() if each != self._worker_id}
        silent = [each for each, sight in self._seen.items() if now - sight.since >= self._patience]
        intervals = self._registry.intervals(silent)
        for each in silent:
            if now - self._seen[each].since >= MISSED * intervals[each]:
                _log.info("%s is dead; its entries in Resque's registry are removed", each)
                self._registry.forget(each)
                del self._seen[each]

    def _sight(self, worker_id: str, beat: str | None, now: float) -> _Sight:
        seen = self._seen.get(worker_id)
        return seen if seen is not None and seen.beat == beat else _Sight(beat, now)
