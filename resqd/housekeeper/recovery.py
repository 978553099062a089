"""Recovery on this host: brings back the jobs of workers that the master knows to be dead."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from resqd.clock import Clock
from resqd.housekeeper.verdicts import Rule, verdicts
from resqd.store.incarnation import Incarnation
from resqd.store.recovery import Convict, Held, Recovery
from resqd.wire.messages import Alive, Death, Settled

_log = logging.getLogger(__name__)

LOOK_EVERY = 10.0
"""Seconds between two looks at the index while the master's account stays the same."""


class Recoverer:
    """Acts on the master's account of who lives; by that state, not by notices, so none can be lost."""

    def __init__(
        self,
        *,
        recovery: Recovery,
        daemon: str,
        epoch: str,
        gone: Callable[[Incarnation], bool],
        rule: Callable[[Held], Rule],
        convict: Callable[[Held, str], Convict],
        convicted: Callable[[Iterable[bytes]], None],
        clock: Clock,
    ) -> None:
        self._recovery = recovery
        self._daemon = daemon
        self._epoch = epoch
        self._gone = gone
        self._rule = rule
        self._convict = convict
        self._convicted = convicted
        self._clock = clock
        self._settled: Alive | None = None
        self._look_at = 0.0

    def run(self, alive: Alive) -> Settled | None:
        """Recover every incarnation that is dead by this account. May raise a StoreError; then run it again.

        None: there was no need to look, since this account is the last one again. An incarnation of another
        epoch was forked by an earlier master: it is dead when its process is.
        """
        if alive == self._settled and self._clock() < self._look_at:
            return None
        deaths = {death.fork: death for death in alive.deaths}
        predecessors = 0
        for incarnation in self._recovery.incarnations(self._daemon):
            if incarnation.epoch != self._epoch:
                predecessors += 1
                if self._gone(incarnation):
                    self._recover(incarnation, None)
            elif incarnation.fork <= alive.forks and incarnation.fork not in alive.alive:
                self._recover(incarnation, deaths.get(incarnation.fork))
        self._settled = None if predecessors else alive
        self._look_at = self._clock() + LOOK_EVERY
        return Settled(tuple(deaths))

    def _recover(self, incarnation: Incarnation, death: Death | None) -> None:
        judged = {}
        if death is not None:
            held = self._recovery.inspect(incarnation, death.running)
            judged = verdicts(death, held, rule=self._rule, convict=self._convict)
        done = self._recovery.recover(incarnation, judged)
        if done.convicted:
            self._convicted(verdict.record for verdict in judged.values() if isinstance(verdict, Convict))
        if done.requeued or done.suspected or done.convicted:
            _log.warning(
                "recovered the jobs of %s (pid %d): %d back to their queues, %d suspects, %d failed",
                incarnation.id,
                incarnation.pid,
                done.requeued,
                done.suspected,
                done.convicted,
            )
