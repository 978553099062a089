"""Bringing back the jobs of the dead: of this daemon's workers, of its predecessors, and of other hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from resqd import events
from resqd.clock import Clock, Complaints
from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.housekeeper.farewells import Farewells
from resqd.housekeeper.inquest import Inquest
from resqd.store.inflight.incarnation import Incarnation, of_life
from resqd.store.inflight.recovery import Recovered, Recovery
from resqd.wire.messages import Alive, Death, Settled

MISSED = 3
"""Heartbeats that must be missing, by the interval that their daemon tells, however short our own patience is."""


@dataclass(slots=True)
class Stillness:
    """Watches signs of life, whatever they are; no wall clock has a say, nor another host's.

    Times are seconds. A sign's stillness is counted between polls that are at most `gap` apart: after
    a longer pause, such as an outage of Redis, every sign looks old, and the count begins again.
    """

    still_for: float
    gap: float
    _polled_at: float = float("-inf")
    _last: dict[str, tuple[object, float]] = field(default_factory=dict)

    def poll(self, signs: Mapping[str, object], now: float) -> list[str]:
        """Note the signs as they are now, by whose they are; those that have stood still for too long."""
        trusted = self._last if now - self._polled_at <= self.gap else {}
        self._polled_at = now
        self._last = {
            each: trusted[each] if each in trusted and trusted[each][0] == sign else (sign, now)
            for each, sign in signs.items()
        }
        return [each for each, (_, since) in self._last.items() if now - since >= self.still_for]

    def confirm(self, dead: Iterable[str], intervals: Mapping[str, float], now: float) -> list[str]:
        """Those of a poll's dead that are so by their own intervals too, which may be longer than our patience."""
        return [each for each in dead if now - self._last[each][1] >= MISSED * intervals.get(each, 0.0)]


FOLLOW_EVERY = 1.0
"""Seconds between two looks whether predecessors' workers have ended."""
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
        inquest: Inquest,
        farewells: Farewells,
        clock: Clock,
    ) -> None:
        self._recovery = recovery
        self._daemon = daemon
        self._epoch = epoch
        self._gone = gone
        self._inquest = inquest
        self._farewells = farewells
        self._clock = clock
        self._complaints = Complaints(clock)
        self._kept: dict[str, Incarnation] = {}  # dead, with jobs that no list took
        self._settled: Alive | None = None
        self._look_at = 0.0
        self._predecessors = 0

    def run(self, alive: Alive) -> Settled | None:
        """Recover every incarnation that is dead by this account. May raise a StoreError; then run it again.

        None: there was no need to look, since this account is the last one again. An incarnation of another
        epoch was forked by an earlier master: it is dead when its process is.
        """
        if alive == self._settled and self._clock() < self._look_at:
            return None
        deaths = {death.fork: death for death in alive.deaths}
        troubles: list[StoreError] = []
        incarnations = self._recovery.incarnations(self._daemon)
        self._follow(incarnations, troubles)
        for incarnation in incarnations:
            fork = incarnation.fork
            dead = incarnation.epoch == self._epoch and fork <= alive.forks and fork not in alive.alive
            if dead and not self._attempt(incarnation, deaths.get(fork), troubles):
                deaths.pop(fork, None)
        if troubles:
            raise troubles[0]
        self._farewells.forget()
        settled = tuple(deaths)
        self._settled = None if self._predecessors or len(settled) < len(alive.deaths) else alive
        self._look_at = self._clock() + LOOK_EVERY
        return Settled(settled)

    def follow(self) -> None:
        """Look at the predecessors' workers again while there are any. May raise a StoreError."""
        if not self._predecessors:
            return
        troubles: list[StoreError] = []
        self._follow(self._recovery.incarnations(self._daemon), troubles)
        if troubles:
            raise troubles[0]

    def _follow(self, incarnations: Iterable[Incarnation], troubles: list[StoreError]) -> None:
        """Recover what earlier masters' workers held that have ended."""
        predecessors = [one for one in incarnations if one.epoch != self._epoch]
        self._predecessors = len(predecessors)
        for incarnation in predecessors:
            if self._gone(incarnation):
                self._attempt(incarnation, None, troubles)

    def _attempt(self, incarnation: Incarnation, death: Death | None, troubles: list[StoreError]) -> bool:
        """Recover one; False where that fails for a reason of its own, which must not keep the others' jobs back.

        Such reasons are a key of a wrong type, added to `troubles`, and defects, such as the application's.
        """
        if incarnation.id in self._kept:
            return True
        try:
            self._recover(incarnation, death)
        except (StoreUnavailable, StoreRefused):
            raise
        except StoreError as error:
            troubles.append(error)
            return False
        except Exception:  # noqa: BLE001 - the boundary of one incarnation, which the application's code may fail
            events.Housekeeper.recovery_failed(incarnation=incarnation.id)
            return False
        return True

    def retry(self) -> None:
        """Try again to put away what no list took before. May raise a StoreError."""
        vain = 0
        for incarnation in tuple(self._kept.values()):
            if vain >= RETRIES:
                return
            self._recover(incarnation, None)
            vain += incarnation.id in self._kept

    def _recover(self, incarnation: Incarnation, death: Death | None) -> None:
        own = incarnation.epoch == self._epoch
        last_words = self._farewells.of(incarnation.fork) if own else None
        done = self._inquest.hold(incarnation, death, last_words)
        self._note_kept(incarnation, done)
        if done.ended:
            events.Housekeeper.ends_reappeared(
                jobs=done.ended, incarnation=incarnation.id, pid=incarnation.pid
            )
        if done.requeued or done.suspected or done.convicted or done.recorded or done.postponed:
            events.Housekeeper.recovered(
                incarnation=incarnation.id,
                pid=incarnation.pid,
                requeued=done.requeued,
                suspected=done.suspected,
                failed=done.convicted + done.recorded,
                later=done.postponed,
            )

    def _note_kept(self, incarnation: Incarnation, done: Recovered) -> None:
        if not done.kept:
            self._kept.pop(incarnation.id, None)
            return
        self._kept[incarnation.id] = incarnation
        if self._complaints.due(done.refusal):
            events.Housekeeper.jobs_kept(
                jobs=done.kept,
                incarnation=incarnation.id,
                pid=incarnation.pid,
                reason=done.refusal or "the keys of their queues are of another type",
            )


class Hosts:
    """Every life of every daemon but our own, whose jobs are recovered when it is dead; and how our own ends."""

    def __init__(
        self,
        *,
        recovery: Recovery,
        inquest: Inquest,
        stillness: Stillness,
        lingers: Callable[[Incarnation], bool],
        life: str,
        clock: Clock,
    ) -> None:
        self._recovery = recovery
        self._inquest = inquest
        self._lingers = lingers
        self._stillness = stillness
        self._life = life
        self._clock = clock

    def watch(self) -> None:
        """One look at the counters; the jobs of the dead are recovered. May raise a StoreError."""
        counters = self._recovery.counters()
        now = self._clock()
        dead = set(self._stillness.poll(counters, now)) - {self._life}
        if dead:
            dead = set(self._stillness.confirm(dead, self._recovery.intervals(), now))
        living = {of_life(life)[0] for life in counters.keys() - dead}
        for life in sorted(dead):
            self._bury(life, alone=of_life(life)[0] not in living)

    def leave(self, *, orphaned: bool) -> None:
        """Strike our own life off. The suspects go back, unless another daemon of our name is there to run them.

        Where the master was killed, one of them may have done it: they stay under probation, for the next daemon of
        our name, or for any other that finds nobody of it alive.
        """
        daemon, _ = of_life(self._life)
        others = [life for life in self._recovery.counters() if life != self._life]
        if not orphaned and not any(of_life(life)[0] == daemon for life in others):
            self._recovery.release_suspects(daemon)
        self._recovery.forget(self._life)

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
            events.Housekeeper.daemon_died(daemon=daemon, jobs=jobs)
