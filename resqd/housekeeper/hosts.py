"""Dead hosts: brings back the jobs of daemons whose heartbeat stood still, of other hosts or of our own name."""

from __future__ import annotations

import logging
from collections.abc import Callable

from resqd.clock import Clock
from resqd.housekeeper.inquest import Inquest
from resqd.housekeeper.reaping import Reaping
from resqd.store.incarnation import Incarnation, of_life
from resqd.store.recovery import Recovery

_log = logging.getLogger(__name__)


class Hosts:
    """Watches every life of every daemon but its own."""

    def __init__(
        self,
        *,
        recovery: Recovery,
        inquest: Inquest,
        reaping: Reaping,
        lingers: Callable[[Incarnation], bool],
        life: str,
        clock: Clock,
    ) -> None:
        self._recovery = recovery
        self._inquest = inquest
        self._lingers = lingers
        self._reaping = reaping
        self._life = life
        self._clock = clock

    def watch(self) -> None:
        """One look at the counters; the jobs of the dead are recovered. May raise a StoreError."""
        counters = self._recovery.counters()
        now = self._clock()
        dead = set(self._reaping.poll(counters, now)) - {self._life}
        if dead:
            dead = set(self._reaping.confirm(dead, self._recovery.intervals(), now))
        living = {of_life(life)[0] for life in counters.keys() - dead}
        for life in sorted(dead):
            self._bury(life, alone=of_life(life)[0] not in living)

    def _bury(self, life: str, *, alone: bool) -> None:
        """What ran there is not known: see Inquest. Suspects stay while a daemon of that name lives.

        A worker that lives on as an orphan on this very machine is waited for: its jobs would run twice at a time.
        """
        daemon, epoch = of_life(life)
        jobs = 0
        for incarnation in self._recovery.incarnations(daemon):
            if incarnation.epoch == epoch and not self._lingers(incarnation):
                done = self._inquest.hold(incarnation, None)
                jobs += done.requeued
        if alone:
            jobs += self._recovery.release_suspects(daemon)
        if self._recovery.forget(life):
            _log.warning(
                "%s has no heartbeat any more: %d of its jobs are back in their queues", daemon, jobs
            )
