"""Recovery on this host: brings back the jobs of workers that the master knows to be dead."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from resqd.clock import Clock
from resqd.complaints import Complaints
from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.housekeeper.verdicts import Rule, verdicts
from resqd.store.incarnation import Incarnation
from resqd.store.recovery import Convict, Held, Recovered, Recovery
from resqd.wire.messages import Alive, Death, Settled

_log = logging.getLogger(__name__)

LOOK_EVERY = 10.0
"""Seconds between two looks at the index while the master's account stays the same."""
RETRIES = 100
"""Incarnations whose jobs no list takes yet, after which the others are not tried either."""


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
        convicted: Callable[[Iterable[tuple[Held, bytes]]], None],
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
        self._complaints = Complaints(clock)
        self._kept: dict[str, Incarnation] = {}  # dead, with jobs that no list took
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
        trouble: StoreError | None = None
        for incarnation in self._recovery.incarnations(self._daemon):
            foreign = incarnation.epoch != self._epoch
            predecessors += foreign
            if incarnation.id in self._kept:
                continue
            try:
                if foreign and self._gone(incarnation):
                    self._recover(incarnation, None)
                elif not foreign and incarnation.fork <= alive.forks and incarnation.fork not in alive.alive:
                    self._recover(incarnation, deaths.get(incarnation.fork))
            except (StoreUnavailable, StoreRefused):
                raise
            except StoreError as error:  # of this one alone, such as a key of a wrong type: the others go on
                trouble = trouble or error
        if trouble is not None:
            raise trouble
        self._settled = None if predecessors else alive
        self._look_at = self._clock() + LOOK_EVERY
        return Settled(tuple(deaths))

    def retry(self) -> None:
        """Try again to put away what no list took before. May raise a StoreError."""
        vain = 0
        for incarnation in tuple(self._kept.values()):
            if vain >= RETRIES:
                return
            self._recover(incarnation, None)
            vain += incarnation.id in self._kept

    def _recover(self, incarnation: Incarnation, death: Death | None) -> None:
        held: dict[int, Held] = {}
        judged = {}
        if death is not None:
            held = self._recovery.inspect(incarnation, death.running)
            judged = verdicts(death, held, rule=self._rule, convict=self._convict)
        done = self._recovery.recover(incarnation, judged)
        if done.convicted:
            self._convicted(
                (held[token], verdict.record)
                for token, verdict in judged.items()
                if isinstance(verdict, Convict)
            )
        self._note_kept(incarnation, done)
        if done.requeued or done.suspected or done.convicted or done.recorded:
            _log.warning(
                "recovered the jobs of %s (pid %d): %d back to their queues, %d suspects, %d failed",
                incarnation.id,
                incarnation.pid,
                done.requeued,
                done.suspected,
                done.convicted + done.recorded,
            )

    def _note_kept(self, incarnation: Incarnation, done: Recovered) -> None:
        if not done.kept:
            self._kept.pop(incarnation.id, None)
            return
        self._kept[incarnation.id] = incarnation
        if self._complaints.due(done.refusal):
            _log.error(
                "%d jobs of %s (pid %d) stay in flight, since no list takes them: %s",
                done.kept,
                incarnation.id,
                incarnation.pid,
                done.refusal or "the keys of their queues are of another type",
            )
