"""The fetcher: the only thread of a worker that talks to Redis. It reserves, acknowledges and returns in batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from resqd.clock import Clock
from resqd.errors import Fenced, StoreError, StoreRefused
from resqd.failing import Aftermath
from resqd.store.connection import Backoff
from resqd.store.health import OK, Health
from resqd.store.inflight import Exchanged, Inflight, Outbox, Return, Want
from resqd.wire.bell import Bell
from resqd.worker.executor import Done, Failed
from resqd.worker.holdings import Holdings
from resqd.worker.mandate import Mandate, Wake
from resqd.worker.persistence import persist
from resqd.worker.prefetch import STUCK_AFTER, Prefetch
from resqd.worker.sleeper import Sleeper
from resqd.worker.sources import Sources

_log = logging.getLogger(__name__)

ACK_AFTER = 0.005
"""Seconds after which an outcome is acknowledged though all threads still have work."""
POLL_MOST = 5.0
"""Seconds between two looks at empty queues while the doorbell works."""
POLL_BURST = 0.1
"""The same with an INTERVAL of 0, while the last jobs run."""
FOREVER = 3600.0
RECYCLED = "recycled"
"""Why a fetcher ended that has used all its permits."""
UNSURE = "left without Redis"
"""Why a fetcher ended that could not ask Redis whether it holds anything: its incarnation must be recovered."""
SUCCESSOR_AHEAD = 0.5
"""Seconds of work before its last permit at which a worker asks for a successor."""


class Fetcher:
    """Keeps the threads of one worker in work and Redis informed, until it may end; `run` says why it ended.

    `mandate` and `slots` are set by the control thread, which rings `wake` after;
    `health`, `processed`, `failed` and `reserved` are read by it. Each is written by one thread only.
    """

    def __init__(
        self,
        *,
        inflight: Inflight,
        holdings: Holdings,
        sources: Sources,
        sleeper: Sleeper,
        wake: Wake,
        bell: Bell,
        health: Health,
        backoff: Backoff,
        threads: int,
        permits: int | None,
        interval: float,
        aftermath: Aftermath,
        told: Callable[[Sequence[Done], Sequence[Failed]], None],
        news: Callable[[], None],
        clock: Clock,
    ) -> None:
        self.mandate = Mandate.RESERVE
        self.slots = 0
        self.health = health
        self.processed = 0
        self.failed = 0
        self.reserved = 0
        self.near_end = False
        self._inflight = inflight
        self._sources = sources
        self._holdings = holdings
        self._sleeper = sleeper
        self._wake = wake
        self._bell = bell
        self._backoff = backoff
        self._threads = threads
        self._permits = permits
        self._interval = interval
        self._aftermath = aftermath
        self._told = told
        self._news = news
        self._clock = clock
        self._prefetch = Prefetch(measured_at=clock())
        self._outbox = Outbox()
        self._unsure = False  # an exchange failed: jobs may be ours whose names we have not heard
        self._closed = False  # LAST marks are in the buffer
        self._empty = False  # the last reserve found less than it wanted
        self._left_out = False  # in a burst: jobs wait for which this worker has no quota now
        self._spent = False  # the permits have run out for good: what is returned brings none back
        self._rung = False
        self._poll_first = interval or POLL_BURST
        self._poll_every = self._poll_first
        self._looked_at = float("-inf")
        self._retry_at = 0.0
        self._moved_at = clock()  # when a job last began or ended
        self._oldest: float | None = None  # since when an outcome waits to be acknowledged

    def run(self) -> str:
        """Register, work, unregister: recycled, burst, left, abandoned, fenced, or left without Redis."""
        try:
            if not self._persist(self._inflight.register):
                return "left"
            while (reason := self._ending()) is None:
                self._round()
            if not self._persist(self._inflight.close):
                return UNSURE
        except Fenced as error:
            _log.error("%s; its jobs were recovered, this worker gives way to a new one", error)
            return "fenced"
        finally:
            self._sleeper.close()
        return reason

    def descriptors(self) -> list[int]:
        """What it needs to be open, but for the connection to Redis, which it can build again."""
        return self._sleeper.descriptors()

    def owes(self, token: int) -> bool:
        """Whether Redis has not confirmed this job's end, or return. Any thread may ask."""
        outbox = self._outbox
        return (
            self._holdings.holds(token)
            or token in outbox.done
            or any(failure.token == token for failure in tuple(outbox.failed))
        )

    def _round(self) -> None:
        self._collect()
        self._give_back()
        if self._sources.capped and not self._unsure:
            self._share()
        want = self._want()
        if self._due(want):
            self._exchange(want)
        else:
            self._sleep(want)

    def _ending(self) -> str | None:
        """Why the fetcher may end now: nothing is held, nothing is left to tell."""
        if len(self._holdings) or self._holdings.outcomes or self._outbox:
            return None
        if self._unsure:
            return UNSURE if self._may_leave_unsure() else None
        if self.mandate is Mandate.ABANDON:
            return "abandoned"
        if self.mandate is Mandate.LEAVE:
            return "left"
        if self._permits == 0:
            return RECYCLED
        if self._interval == 0 and self._empty and not self._left_out and self.mandate is Mandate.RESERVE:
            return "burst"
        return None

    def _may_leave_unsure(self) -> bool:
        """Whether to go though Redis does not say what it gave us last: recovery puts that back, nothing began it."""
        return self._leaving() and self.health.text != OK

    def _collect(self) -> None:
        done, timed, failed = self._holdings.settle()
        if not done and not failed:
            return
        now = self._clock()
        self._moved_at = now
        self._oldest = self._oldest or now
        self._outbox.done += done
        self._outbox.failed += [outcome.failure for outcome in failed]
        if timed or failed:
            self._told(timed, failed)

    def _share(self) -> None:
        """Give quotas back to the master as jobs end, when they will not be needed here; note what it ordered.

        An exchange whose end is not known may have brought jobs: then it waits.
        """
        held = self._holdings.by_queue
        self._spent = self._spent or (self._permits == 0 and not self._buffered())
        reserving = not self._spent and self.mandate in (Mandate.RESERVE, Mandate.HOLD)
        if self._sources.settle(held, reserving=reserving):
            self._news()
        if self._sources.freed(held):
            self._empty = False

    def _give_back(self) -> None:
        """Return what has not begun when it should not begin here; what runs as well when told to abandon it."""
        if self.mandate is Mandate.ABANDON:
            self._return(self._holdings.take_back() + self._holdings.abandon())
        elif self.mandate is not Mandate.RESERVE:
            self._return(self._holdings.take_back())
        elif self._buffered() and self._clock() - self._moved_at >= STUCK_AFTER:
            self._prefetch.stuck()
            self._return(self._holdings.take_back())
        elif self._holdings.recalled:
            self._return(self._holdings.take_back())

    def _return(self, tokens: list[int]) -> None:
        self._outbox.returned += [Return(token, charged=False) for token in tokens]
        if self._permits is None or self._spent:
            return
        self._permits += len(tokens)
        self._closed = False  # taking back took the LAST marks as well
        if self._permits == 0:
            self._close()

    def _close(self) -> None:
        if not self._closed:
            self._holdings.finish(self._threads)
            self._closed = True

    def _buffered(self) -> int:
        return max(0, len(self._holdings) - self.slots)

    def _want(self) -> int:
        """How many jobs to reserve."""
        if self.mandate is not Mandate.RESERVE or self._aftermath.full:
            return 0
        return self._prefetch.want(unfinished=len(self._holdings), slots=self.slots, permits=self._permits)

    def _due(self, want: int) -> bool:
        """Whether to talk to Redis now: jobs are wanted and may be there, or outcomes have waited long enough."""
        now = self._clock()
        if now < self._retry_at:
            return False
        if self._unsure or (want and (not self._empty or self._rung or now >= self._poll_at())):
            return True
        if not self._outbox:
            return False
        return not self._buffered() or self._oldest is None or now >= self._oldest + ACK_AFTER

    def _exchange(self, want: int) -> None:
        failed = [failure.record for failure in self._outbox.failed]
        try:
            exchanged = self._inflight.exchange(self._outbox, self._aim(want))
        except Fenced:
            failed = []
            raise
        except StoreError as error:
            # A batch whose reply was lost comes with the next exchange, whatever that asks for.
            self._unsure = True
            self.health.bad(error)
            self._retry_at = self._clock() + self._backoff.delay(refused=isinstance(error, StoreRefused))
            return
        finally:
            if failed and not self._outbox.failed:  # Redis has confirmed them, maybe nothing else
                self._aftermath.put(failed)
        self._unsure = False
        self._oldest = None
        self._account(exchanged, want)

    def _aim(self, want: int) -> Want | None:
        """The want with the queues of this moment; None when there are none."""
        if not want:
            return None
        held = self._holdings.by_queue
        self._left_out = self._interval == 0 and self._sources.left_out(held)
        queues = self._sources.next(held, fresh=self._rung and self._empty)
        return Want(want, queues) if queues else None

    def _account(self, exchanged: Exchanged, wanted: int) -> None:
        self.health.good()
        self._backoff.reset()
        self._prefetch.measure(exchanged.processed, self._clock())
        self.processed += exchanged.processed
        self.failed += exchanged.failed
        self._sources.complain(exchanged.skipped)
        batch = exchanged.batch
        if batch:
            self._moved_at = self._clock()
            self.reserved += len(batch)
            if self._permits is not None:
                self._permits -= len(batch)
            if self.mandate is Mandate.RESERVE:
                self._holdings.take_in(batch)
            else:  # the order came while Redis answered: these must not begin here
                self._return([token for token, _, _ in batch])
        self._look_ahead()
        if wanted:
            self._schedule(len(batch), wanted)

    def _look_ahead(self) -> None:
        """See the end of the permits coming: a successor is made ready meanwhile."""
        if self._permits is None:
            return
        if self._permits == 0:
            self._close()
        if not self.near_end and self._permits <= self._prefetch.pace * SUCCESSOR_AHEAD:
            self.near_end = True
            self._news()

    def _schedule(self, got: int, wanted: int) -> None:
        """When to look next: at once while there is a backlog, which also wakes the next idle fetcher."""
        rung, self._rung = self._rung, False
        if got or rung:
            self._bell.answer(found=got > 0)
        self._empty = got < wanted
        self._sources.looked(self._holdings.by_queue)
        self._looked_at = self._clock()
        slower = max(self._poll_first, min(POLL_MOST, self._poll_every * 2))
        # Of capped queues the bell may have woken a worker that has no quota left.
        waits = self._bell.works and not got and not self._sources.capped
        self._poll_every = slower if waits else self._poll_first
        if not self._empty:
            self._ring_others()

    def _ring_others(self) -> None:
        if self._bell.idle() > self._sleeper.listening and not self._bell.pending:
            self._bell.ring()

    def _poll_at(self) -> float:
        """When to look at empty queues again; sooner when the bell has failed since the last look."""
        return self._looked_at + (self._poll_every if self._bell.works else self._poll_first)

    def _sleep(self, want: int) -> None:
        """Sleep until something can be done. Armed before the last look at the outcomes, so none is missed."""
        self._wake.armed = not self._buffered()
        listen = want > 0 and self._empty
        if self._rung and not want:
            self._rung = False
            self._ring_others()  # this worker was told to start no more just after it was woken
        timeout = 0.0 if self._holdings.outcomes and self._wake.armed else self._timeout(want)
        self._rung = self._sleeper.sleep(timeout, listen=listen) or self._rung

    def _timeout(self, want: int) -> float:
        now = self._clock()
        if now < self._retry_at:
            return self._retry_at - now
        if self._buffered():
            return ACK_AFTER
        if not want:
            return FOREVER
        return max(0.0, self._poll_at() - now)

    def _persist(self, action: Callable[[], object]) -> bool:
        return persist(
            action,
            leaving=self._leaving,
            health=self.health,
            backoff=self._backoff,
            sleeper=self._sleeper,
        )

    def _leaving(self) -> bool:
        return self.mandate in (Mandate.LEAVE, Mandate.ABANDON)
