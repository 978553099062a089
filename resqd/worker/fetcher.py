"""The fetcher: the only thread of a worker that talks to Redis. It reserves, acknowledges and returns in batches."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from resqd.clock import Clock
from resqd.errors import Fenced, StoreError
from resqd.failures import Aftermath
from resqd.store.inflight.owner import Exchanged, Reservation, Return, Want
from resqd.worker.exchange import Conversation
from resqd.worker.executor import Done, Failed
from resqd.worker.holdings import Holdings
from resqd.worker.mandate import Mandate, Wake
from resqd.worker.poller import Watchman
from resqd.worker.pool import LOOK_EVERY, Pool, Staffing
from resqd.worker.prefetch import Permits, Prefetch
from resqd.worker.queues import Sources, Suspects

_log = logging.getLogger(__name__)

ACK_AFTER = 0.005
"""Seconds after which an outcome is acknowledged though all threads still have work."""
FOREVER = 3600.0
RECYCLED = "recycled"  # it has used all its permits
ABANDONED = "abandoned"  # jobs run on until the process has ended: its incarnation must be recovered
UNSURE = "left without Redis"  # which may have given it jobs: its incarnation must be recovered


class Fetcher:
    """Keeps the threads of one worker in work and Redis informed, until it may end; `run` says why it ended.

    `mandate` (by `order`) and `slots` are set by the control thread, which rings `wake` after; `processed`,
    `failed`, `reserved` and `near_end` are read by it. Each is written by one thread only.
    """

    def __init__(
        self,
        *,
        conversation: Conversation,
        holdings: Holdings,
        sources: Sources | Suspects,
        watchman: Watchman,
        wake: Wake,
        pool: Pool,
        pace: float,
        permits: Permits,
        burst: bool,
        aftermath: Aftermath,
        told: Callable[[Sequence[Done], Sequence[Failed]], None],
        news: Callable[[], None],
        clock: Clock,
    ) -> None:
        self.mandate = Mandate.RESERVE
        self.slots = 0
        self.processed = 0
        self.failed = 0
        self.reserved = 0
        self.near_end = False
        self._conversation = conversation
        self._sources = sources
        self._holdings = holdings
        self._watchman = watchman
        self._wake = wake
        self._pool = pool
        self._staffing = Staffing()
        self._permits = permits
        self._burst = burst
        self._aftermath = aftermath
        self._told = told
        self._news = news
        self._clock = clock
        self._gate = threading.Lock()
        self._prefetch = Prefetch(measured_at=clock(), pace=pace)
        self._behind = False  # jobs run that were abandoned
        self._left_out = False  # in a burst: jobs wait for which this worker has no quota now
        self._oldest: float | None = None  # since when an outcome waits to be acknowledged

    def run(self) -> str:
        """Work until there is a reason to end: recycled, burst, left, abandoned, threadless, fenced, or UNSURE."""
        try:
            while (reason := self._ending()) is None:
                self._round()
            if reason is RECYCLED:
                self._pool.dismiss()
                self._news()
            if reason is ABANDONED:
                return reason
            closed = self._conversation.close(leaving=self._leaving)
            if closed is None:
                return UNSURE
            self.processed += closed.processed
        except Fenced as error:
            _log.error("%s; its jobs were recovered, this worker gives way to a new one", error)
            return "fenced"
        finally:
            self._watchman.close()
        return reason

    def order(self, mandate: Mandate) -> None:
        """Give it another mandate. Once this has returned, no job goes to the threads unless it is to reserve."""
        with self._gate:
            self.mandate = mandate

    def descriptors(self) -> list[int]:
        """What it needs to be open, but for the connection to Redis, which it can build again."""
        return self._watchman.descriptors()

    @property
    def pace(self) -> float:
        """How fast jobs go now, in jobs a second; 0 when it is not known."""
        return self._prefetch.pace

    def owes(self, token: int) -> bool:
        """Whether Redis has not confirmed this job's end, or return. Any thread may ask."""
        return self._holdings.holds(token) or self._conversation.owes(token)

    def _round(self) -> None:
        self._collect()
        self._give_back()
        if self._clock() >= self._conversation.tend_at:
            self._tend()
        if self._sources.capped and not self._conversation.unsure:
            self._share()
        if self._spent() or (self._behind and not (self._conversation.outbox or self._conversation.unsure)):
            return
        self._staff()
        want = self._want()
        if self._due(want):
            self._exchange(want)
        else:
            self._sleep(want)

    def _ending(self) -> str | None:
        """Why the fetcher may end now: nothing is held, nothing is left to tell but what goes with the good-bye."""
        if self._spent():
            return RECYCLED
        if len(self._holdings) or self._holdings.outcomes or self._conversation.outbox:
            return None
        if self._conversation.unsure or self._conversation.doubtful:
            # What Redis gave us last, if anything, has not begun: recovery puts it back.
            return UNSURE if self._leaving() and not self._conversation.healthy else None
        if self.mandate is Mandate.ABANDON and self._behind:
            return ABANDONED
        if self._pool.barren:
            return "threadless"
        if self._leaving():
            return "left"
        if self._burst and self._watchman.empty and not self._left_out and self.mandate is Mandate.RESERVE:
            return "burst"
        return None

    def _spent(self) -> bool:
        """Whether the last permitted job has ended, so that its success goes with the good-bye."""
        unsettled = len(self._holdings) or self._holdings.outcomes
        return self._permits.out and not (self._leaving() or unsettled) and self._conversation.parting

    def _collect(self) -> None:
        done, timed, failed = self._holdings.settle()
        if not done and not failed:
            return
        self._oldest = self._oldest or self._clock()
        self._conversation.outbox.done += done
        self._conversation.outbox.failed += [outcome.failure for outcome in failed]
        if timed or failed:
            self._told(timed, failed)

    def _tend(self) -> None:
        """Compare with Redis what is held: what it has lost, and no thread has begun, is in its queue again."""
        if (lost := self._conversation.tend(self._holdings.tokens)) is not None:
            waiting, dropped = self._holdings.drop(lost)
            self._permits.give_back(dropped)
            self._return(waiting)

    def _staff(self) -> None:
        missing = self._staffing.missing(
            started=self._pool.started,
            slots=self._places,
            unfinished=len(self._holdings),
            ended=self._holdings.ended,
            pace=self._prefetch.pace,
            now=self._clock(),
        )
        if not self._pool.start(missing):
            self._return(self._holdings.take_back())  # other workers may have threads for what waits here

    @property
    def _places(self) -> int:
        return self._pool.places(self.slots)

    def _share(self) -> None:
        """Give quotas back to the master as jobs end, when they will not be needed here; note what it ordered.

        An exchange whose end is not known may have brought jobs: then it waits.
        """
        held = self._holdings.by_queue
        permits = self._permits
        permits.spent = permits.spent or (permits.out and not self._holdings.buffered(self._places))
        reserving = not permits.spent and self.mandate in (Mandate.RESERVE, Mandate.HOLD)
        if self._sources.settle(held, reserving=reserving):
            self._news()
        if self._sources.freed(held):
            self._watchman.empty = False

    def _give_back(self) -> None:
        """Return what has not begun when it should not begin here; what runs is not held any more once abandoned.

        Nobody may have it before this process has ended: it would run twice at a time.
        """
        if self.mandate is Mandate.ABANDON:
            self._return(self._holdings.take_back())
            self._behind = bool(self._holdings.abandon()) or self._behind
        elif self._holdings.recalled or self.mandate is not Mandate.RESERVE:
            self._return(self._holdings.take_back())
        elif self._holdings.stuck(self._places, self._clock()):
            self._prefetch.stuck()
            self._return(self._holdings.take_back())

    def _return(self, tokens: list[int]) -> None:
        self._conversation.outbox.returned += [Return(token) for token in tokens]
        self._permits.give_back(len(tokens))
        self._close_when_out()

    def _close_when_out(self) -> None:
        """Let the threads end after what is in the buffer, when there will be no more for them."""
        if self._permits.out and self.mandate is Mandate.RESERVE:
            self._holdings.finish(len(self._pool.executors))

    def _want(self) -> int:
        """How many jobs to reserve."""
        if self.mandate is not Mandate.RESERVE or self._aftermath.full or self._conversation.unrecorded.full:
            return 0
        return self._prefetch.want(
            unfinished=len(self._holdings), slots=self._places, permits=self._permits.left, now=self._clock()
        )

    def _due(self, want: int) -> bool:
        """Whether to talk to Redis now: jobs are wanted and may be there, or outcomes have waited long enough."""
        now = self._clock()
        if now < self._conversation.retry_at:
            return False
        if self._conversation.unsure or (want and self._watchman.due(now)):
            return True
        waited = self._oldest is None or now >= self._oldest + ACK_AFTER
        return bool(self._conversation.outbox) and (waited or not self._holdings.buffered(self._places))

    def _exchange(self, want: int) -> None:
        try:
            aim = self._aim(want)
        except StoreError as error:
            self._conversation.failed(error)
            return
        exchanged = self._conversation.exchange(aim)
        if exchanged is not None:
            self._oldest = None
            self._account(exchanged, want)

    def _aim(self, want: int) -> Want | None:
        """The want with the queues of this moment; None when there are none."""
        if not want:
            return None
        held = self._holdings.by_queue
        self._left_out = self._burst and self._sources.left_out(held)
        return self._sources.want(want, held, fresh=self._watchman.rung and self._watchman.empty)

    def _account(self, exchanged: Exchanged, wanted: int) -> None:
        batch = exchanged.batch
        if batch:
            self._take_in(batch, idle=not (len(self._holdings) or exchanged.processed))
        self._prefetch.measure(exchanged.processed, self._clock(), slots=self.slots)
        self.processed += exchanged.processed
        self.failed += exchanged.failed
        self._sources.complain(exchanged.skipped)
        self._look_ahead()
        if wanted:
            self._sources.looked(self._holdings.by_queue)
            capped = bool(self._sources.capped)
            self._watchman.looked(got=len(batch), wanted=wanted, capped=capped, now=self._clock())

    def _take_in(self, batch: list[Reservation], *, idle: bool) -> None:
        """Hand jobs to the threads before all else. `idle`: none were in work, so threads wait for the GIL only."""
        self.reserved += len(batch)
        self._permits.take(len(batch))
        now = self._clock()
        with self._gate:
            if reserving := self.mandate is Mandate.RESERVE:
                self._holdings.take_in(batch, now)
        if not reserving:  # the order came while Redis answered: these must not begin here
            self._return([token for token, _, _ in batch])
        elif idle:
            self._prefetch.begin(now)
            if len(batch) <= self._pool.started:
                time.sleep(0)  # gives up the GIL: what remains to be done here is not urgent

    def _look_ahead(self) -> None:
        """See the end of the permits coming: a successor is made ready meanwhile."""
        self._close_when_out()
        if not self.near_end and self._permits.near_end(self._prefetch.pace):
            self.near_end = True
            self._news()

    def _sleep(self, want: int) -> None:
        """Sleep until something can be done. Armed before the last look at the outcomes, so none is missed."""
        self._wake.armed = not self._holdings.buffered(self._places)
        timeout = 0.0 if self._holdings.outcomes and self._wake.armed else self._timeout(want)
        timeout = min(timeout, LOOK_EVERY) if self._staffing.short else timeout
        timeout = max(0.0, min(timeout, self._conversation.tend_at - self._clock()))
        if self._watchman.sleep(timeout, hungry=want > 0) and self._due(want := self._want()):
            self._exchange(want)  # a push should not wait for the rest of a round

    def _timeout(self, want: int) -> float:
        now = self._clock()
        if now < self._conversation.retry_at:
            return self._conversation.retry_at - now
        if self._holdings.buffered(self._places):
            return ACK_AFTER
        look_at = self._watchman.next_at if want else now + FOREVER
        return max(0.0, min(look_at, self._pool.retry_at or look_at) - now)

    def _leaving(self) -> bool:
        return self.mandate in (Mandate.LEAVE, Mandate.ABANDON)
