"""The fetcher's talk with Redis: what is to be told, one exchange at a time, and when to try again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from resqd import events
from resqd.aftermath import Aftermath
from resqd.clock import Clock
from resqd.errors import Fenced, StoreError, StoreRefused
from resqd.store.inflight.owner import (
    Dismiss,
    Exchanged,
    Failure,
    Inflight,
    Outbox,
    Postpone,
    Return,
    Want,
)
from resqd.store.redis.health import Backoff, Health
from resqd.worker.poller import Sleeper
from resqd.worker.reconciliation import LOOK_EVERY, Differences, Rare, Recent, compare
from resqd.worker.unrecorded import Unrecorded

ACK_AFTER = 0.005
"""Seconds after which an outcome is acknowledged though all threads still have work."""
AT_ONCE = 0.5
"""Seconds within which a failure to say that this worker ends is no sign yet that Redis is away."""


class Exchange:
    """Keeps what Redis must still be told in `outbox`; nothing leaves it before Redis has confirmed it.

    The `aftermath` is told of the failures that were confirmed.
    """

    def __init__(
        self,
        *,
        inflight: Inflight,
        health: Health,
        backoff: Backoff,
        sleeper: Sleeper,
        aftermath: Aftermath,
        clock: Clock,
    ) -> None:
        self.outbox = Outbox()
        self.unsure = False
        """Whether an exchange failed, so that jobs may be ours whose names we have not heard."""
        self.doubtful = False
        """Whether Redis may have lost what it had confirmed: there was an outage since the last comparison."""
        self.retry_at = float("-inf")
        """Before this moment there is no use in trying."""
        self.unrecorded = Unrecorded(clock)
        self._oldest: float | None = None  # since when an outcome waits to be acknowledged
        self._recent = Recent()
        self._look_at = clock() + LOOK_EVERY
        self._inflight = inflight
        self._health = health
        self._backoff = backoff
        self._sleeper = sleeper
        self._aftermath = aftermath
        self._clock = clock

    @property
    def healthy(self) -> bool:
        """Whether Redis answered the last time."""
        return self._health.ok

    def owes(self, token: int) -> bool:
        """Whether Redis has not confirmed this job's end. Any thread may ask."""
        outbox = self.outbox
        rare: tuple[Rare, ...] = (
            *outbox.failed,
            *outbox.postponed,
            *outbox.dismissed,
            *self.unrecorded.unmoved,
        )
        return token in outbox.done or any(each.token == token for each in rare)

    @property
    def full(self) -> bool:
        """Whether so many failures wait, for Redis or for the application's code, that no more jobs should be begun."""
        return self._aftermath.full or self.unrecorded.full

    @property
    def settled(self) -> bool:
        """Whether Redis has confirmed all that it was told, and all is heard that it may have given."""
        return not (self.outbox or self.unsure)

    @property
    def parting(self) -> bool:
        """Whether what is still to be told may be told as the worker ends: successes only, and Redis answers."""
        return not (self.unsure or self.doubtful or self._asks_more) and self.healthy

    @property
    def _asks_more(self) -> bool:
        """Whether there is more to be told than plain successes."""
        return self.outbox.rest

    def tell(self, done: list[int], failed: Iterable[Failure]) -> None:
        """Put outcomes into the outbox."""
        self._oldest = self._oldest or self._clock()
        self.outbox.done += done
        self.outbox.failed += failed

    def settle(self, settlements: Iterable[Postpone | Dismiss]) -> None:
        """Put outcomes into the outbox that are neither plain successes nor failures; after `tell`."""
        for each in settlements:
            if isinstance(each, Postpone):
                self.outbox.postponed.append(each)
            else:
                self.outbox.dismissed.append(each)

    def give_back(self, tokens: list[int]) -> None:
        """Put jobs into the outbox that have not begun and are to go back to their queues."""
        self.outbox.returned += [Return(token) for token in tokens]

    def checkpoint(self, cursors: Mapping[int, bytes]) -> None:
        """Put into the outbox how far jobs have come."""
        self.outbox.checkpoints.update(cursors)

    def overdue(self, now: float) -> bool:
        """Whether what is in the outbox has waited long enough."""
        return self._oldest is None or now >= self._oldest + ACK_AFTER

    @property
    def tend_at(self) -> float:
        """When `tend` has something to do; not while an exchange must be repeated first."""
        if self.unsure:
            return float("inf")
        moment = float("-inf") if self.doubtful else min(self._look_at, self.unrecorded.next_at)
        return max(moment, self.retry_at)

    def tend(self, held: Collection[int]) -> set[int] | None:
        """Compare what is in flight with what is `held`, and try to record what was refused, each when it is due.

        Returns what is held, but not in flight any more, None where it did not compare. What else differs is in the
        outbox then. Errors: Fenced.
        """
        absent = None
        try:
            if self.doubtful or self._clock() >= self._look_at:
                absent = self._reconcile(held)
            if self._clock() >= self.unrecorded.next_at:
                self.unrecorded.retry(self._inflight)
                self.outbox.postponed += self.unrecorded.take_unmoved()
        except Fenced:
            raise
        except StoreError as error:
            self.failed(error)
        return absent

    def _reconcile(self, held: Collection[int]) -> set[int] | None:
        there = self._inflight.look()
        self._look_at = self._clock() + LOOK_EVERY
        self.doubtful = False
        if there is None:
            return None
        self._good()
        found = compare(
            there,
            held=held,
            outbox=self.outbox,
            ended=self._inflight.ended,
            recent=self._recent.recall(),
        )
        gone = self._inflight.departures.drop(found.strangers)
        found.strangers = [token for token in found.strangers if token not in gone]
        found.tell(self.outbox)
        _say(found)
        return found.absent

    def close(self, *, leaving: Callable[[], bool]) -> Exchanged | None:
        """Strike the incarnation out, however long Redis is away.

        None when told to leave meanwhile, unless there are outcomes that Redis does not know.
        """
        while True:
            began, healthy = self._clock(), self.healthy
            try:
                closed = self._close()
            except Fenced:
                raise
            except StoreError as error:
                self.doubtful = True
                pause = self._pause(error)
                # A connection that was closed while idle says so at once, and Redis may be there all the same.
                hopeful = healthy and self._clock() - began < AT_ONCE
                if leaving() and not self.outbox and not hopeful:
                    return None
                self._sleeper.sleep(pause, listen=False)
            else:
                self._good()
                return closed

    def farewell(self) -> tuple[str, tuple[int, ...]]:
        """What has succeeded in this life, by Redis's word, should Redis forget it: see the message Exiting."""
        recent = self._recent.recall()
        dismissed = (each.token for each in recent if isinstance(each, Dismiss) and each.kind == "done")
        return self._inflight.ended.text(), tuple(dismissed)

    def _close(self) -> Exchanged:
        if self.doubtful:  # or jobs whose ends Redis has lost would go back with the rest
            self._reconcile(())
        if self._asks_more:
            self._inflight.exchange(self.outbox)
        return self._inflight.close(self.outbox.done)

    def talk(self, want: Want | None) -> Exchanged | None:
        """Tell, and reserve; None when that failed and must be tried again. Errors: Fenced.

        A batch whose reply was lost comes with the next exchange, whatever that asks for.
        """
        failures = list(self.outbox.failed)
        postponed, dismissed = list(self.outbox.postponed), list(self.outbox.dismissed)
        try:
            exchanged = self._inflight.exchange(self.outbox, want)
        except Fenced:
            raise
        except StoreError as error:
            self.unsure = True
            self.failed(error)
            exchanged = None
        if failures and not self.outbox.failed:  # Redis has confirmed them, maybe nothing else
            news = self._recent.add(failures, self._clock())
            self._aftermath.put([failure.record for failure in news])
        if postponed and not self.outbox.postponed:
            self._recent.add(postponed, self._clock())
        if dismissed and not self.outbox.dismissed:
            self._recent.add_ends(dismissed)
        if exchanged is not None:
            self.unsure = False
            self._oldest = None
            self.unrecorded.note(exchanged)
            self._good()
        return exchanged

    def failed(self, error: StoreError) -> None:
        """Note that Redis did not answer as it should: it is asked again after a pause."""
        self.doubtful = True
        self.retry_at = self._clock() + self._pause(error)

    def _pause(self, error: StoreError) -> float:
        self._health.bad(error)
        return self._backoff.delay(refused=isinstance(error, StoreRefused))

    def _good(self) -> None:
        self._health.good()
        self._backoff.reset()


def _say(found: Differences) -> None:
    ended, returned = len(found.ended) + len(found.again), len(found.strangers)
    if ended or returned:
        events.Worker.jobs_reappeared(count=ended + returned, ended=ended, returned=returned)
