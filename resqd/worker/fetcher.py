"""The fetcher: the only thread of a worker that talks to Redis. It reserves, acknowledges and returns in batches."""

from __future__ import annotations

import time
from collections.abc import Callable

from resqd import events
from resqd.clock import Clock
from resqd.errors import Fenced, StoreError
from resqd.store.inflight.owner import Exchanged, Reservation, Want
from resqd.worker.exchange import ACK_AFTER, Exchange
from resqd.worker.gating import Appetite
from resqd.worker.holdings import Outcomes
from resqd.worker.poller import Poller
from resqd.worker.pool import LOOK_EVERY, Pool
from resqd.worker.prefetch import Permits
from resqd.worker.shared import Mandate, Shared

FOREVER = 3600.0
RECYCLED = "recycled"  # it has used all its permits
ABANDONED = "abandoned"  # jobs run on until the process has ended: its incarnation must be recovered
UNSURE = "left without Redis"  # which may have given it jobs: its incarnation must be recovered


class Fetcher:
    """Keeps the threads of one worker in work and Redis informed, until it may end; `run` says why it ended.

    `told` is called with the ends of jobs, for metrics.
    """

    def __init__(
        self,
        *,
        shared: Shared,
        exchange: Exchange,
        poller: Poller,
        pool: Pool,
        permits: Permits,
        told: Callable[[Outcomes], None],
        clock: Clock,
        appetite: Appetite | None = None,
    ) -> None:
        self._shared = shared
        self._holdings = shared.holdings
        self._prefetch = shared.prefetch
        self._exchange = exchange
        self._poller = poller
        self._pool = pool
        self._permits = permits
        self._told = told
        self._clock = clock
        self._appetite = appetite  # where jobs have limits

    def run(self) -> str:
        """Work until there is a reason to end: recycled, burst, left, abandoned, threadless, fenced, or UNSURE."""
        try:
            while (reason := self._ending()) is None:
                self._round()
            if reason is RECYCLED:
                self._pool.dismiss()
                self._shared.announce()
            if self._holdings.behind:
                return reason  # to strike the incarnation out would put back what runs on
            closed = self._exchange.close(leaving=lambda: self._shared.leaving)
            if closed is None:
                return UNSURE
            self._shared.counted.processed += closed.processed
        except Fenced as error:
            events.Worker.fenced(error=str(error))
            return "fenced"
        finally:
            self._poller.close()
        return reason

    def descriptors(self) -> list[int]:
        """What it needs to be open, but for the connection to Redis, which it can build again."""
        return self._poller.descriptors()

    def farewell(self) -> tuple[str, tuple[int, ...]]:
        """What has succeeded in this life; once it has ended."""
        return self._exchange.farewell()

    def owes(self, token: int) -> bool:
        """Whether Redis has not confirmed this job's end, or return. Any thread may ask."""
        return self._holdings.holds(token) or self._exchange.owes(token)

    # --- one round

    def _round(self) -> None:
        self._collect()
        self._give_back()
        if self._clock() >= self._exchange.tend_at:
            self._tend()
        if self._poller.capped and not self._exchange.unsure:  # which may have brought jobs
            self._share()
        if self._spent() or (self._holdings.behind and self._exchange.settled):
            return
        self._staff()
        want = self._want()
        if self._due(want):
            self._talk(want)
        else:
            self._sleep(want)

    def _ending(self) -> str | None:
        """Why the fetcher may end now: nothing is held, and nothing to be told but what goes with the last request."""
        exchange, mandate = self._exchange, self._shared.mandate
        if self._spent():
            return RECYCLED
        if len(self._holdings) or self._holdings.outcomes or exchange.outbox:
            return None
        if (
            exchange.unsure or exchange.doubtful
        ):  # what Redis gave us last has not begun: recovery puts it back
            return UNSURE if self._shared.leaving and not exchange.healthy else None
        if mandate is Mandate.ABANDON and self._holdings.behind:
            return ABANDONED
        if self._pool.barren:
            return "threadless"
        if self._shared.leaving:
            return "left"
        if mandate is Mandate.RESERVE and self._poller.exhausted():
            return "burst"
        return None

    def _spent(self) -> bool:
        """Whether the last permitted job has ended, so that its success goes with the last request."""
        unsettled = len(self._holdings) or self._holdings.outcomes
        return self._permits.out and not (self._shared.leaving or unsettled) and self._exchange.parting

    def _collect(self) -> None:
        found = self._holdings.settle()
        done, timed, failed, settled = found
        ended = bool(done or failed or settled)
        if cursors := self._holdings.cursors(ended=ended):
            self._exchange.checkpoint(cursors)
        if not ended:
            return
        self._exchange.tell(done, [outcome.failure for outcome in failed])
        if settled:
            self._exchange.settle([outcome.settlement for outcome in settled])
        if timed or failed or settled:
            self._told(found)

    def _tend(self) -> None:
        """Compare with Redis what is held: what it has lost, and no thread has begun, is in its queue again."""
        if (lost := self._exchange.tend(self._holdings.tokens)) is not None:
            waiting, dropped = self._holdings.drop(lost)
            self._permits.give_back(dropped)
            self._return(waiting)

    def _staff(self) -> None:
        holdings = self._holdings
        enough = self._pool.staff(
            slots=self._shared.slots,
            unfinished=holdings.on_threads,
            ended=holdings.ended,
            pace=self._prefetch.pace,
        )
        if not enough:
            self._return(holdings.take_back())  # other workers may have threads for what waits here

    @property
    def _idle(self) -> int:
        return self._places - len(self._holdings)

    @property
    def _places(self) -> int:
        return self._pool.places(self._shared.slots)

    def _share(self) -> None:
        """Give quotas back to the master as jobs end, when they will not be needed here; note what it ordered."""
        permits = self._permits
        permits.spent = permits.spent or (permits.out and not self._holdings.buffered(self._places))
        reserving = not permits.spent and self._shared.mandate in (Mandate.RESERVE, Mandate.HOLD)
        if self._poller.share(self._holdings.by_queue, unfinished=len(self._holdings), reserving=reserving):
            self._shared.announce()

    # --- what goes back

    def _give_back(self) -> None:
        """Return what has not begun when it should not begin here; what runs is not held any more once abandoned.

        Nobody may have it before this process has ended: it would run twice at a time.
        """
        mandate = self._shared.mandate
        self._permits.look(self._clock(), ended=self._holdings.ended)
        self._shared.outgrown = self._permits.outgrown
        if mandate is Mandate.ABANDON:
            self._return(self._holdings.take_back())
            self._holdings.abandon()
        elif self._holdings.recalled or mandate is not Mandate.RESERVE:
            self._return(self._holdings.take_back())
        elif self._holdings.stuck(self._places, self._clock()):
            self._prefetch.stuck()
            self._return(self._holdings.take_back())

    def _return(self, tokens: list[int]) -> None:
        self._exchange.give_back(tokens)
        self._permits.give_back(len(tokens))
        self._close_when_out()

    def _close_when_out(self) -> None:
        """Let the threads end after what is in the buffer, when there will be no more for them."""
        if self._permits.out and self._shared.mandate is Mandate.RESERVE:
            self._holdings.finish(len(self._pool.executors))

    # --- what is asked for

    def _want(self) -> int:
        """How many jobs to reserve."""
        if self._shared.mandate is not Mandate.RESERVE or self._exchange.full:
            return 0
        if self._appetite is not None and self._appetite.patient(self._idle):
            return 0
        return self._prefetch.want(
            unfinished=self._holdings.on_threads,
            slots=self._places,
            permits=self._permits.left,
            now=self._clock(),
        )

    def _due(self, want: int) -> bool:
        """Whether to talk to Redis now: jobs are wanted and may be there, or outcomes have waited long enough."""
        exchange, now = self._exchange, self._clock()
        if now < exchange.retry_at:
            return False
        if exchange.unsure or (want and self._poller.due(now)):
            return True
        return bool(exchange.outbox) and (exchange.overdue(now) or not self._holdings.buffered(self._places))

    def _talk(self, want: int) -> None:
        try:
            aim: Want | None = self._poller.want(want, self._holdings.by_queue) if want else None
        except StoreError as error:
            self._exchange.failed(error)
            return
        if aim is not None and self._appetite is not None:
            aim = self._appetite.aim(aim, idle=self._idle, pace=self._prefetch.pace)
            want = aim.count
        exchanged = self._exchange.talk(aim)
        if exchanged is not None:
            self._account(exchanged, want)

    def _account(self, exchanged: Exchanged, wanted: int) -> None:
        shared, batch = self._shared, exchanged.batch
        if batch:
            self._take_in(batch, idle=not (len(self._holdings) or exchanged.ended))
        self._prefetch.measure(exchanged.ended, self._clock(), slots=shared.slots)
        shared.counted.add(exchanged)
        self._poller.complain(exchanged.skipped)
        self._look_ahead()
        found = len(batch) if self._appetite is None else self._appetite.note(exchanged)
        if wanted:
            self._poller.looked(got=found, wanted=wanted, held=self._holdings.by_queue, now=self._clock())
        if exchanged.passed:
            self._poller.expect()

    def _take_in(self, batch: list[Reservation], *, idle: bool) -> None:
        """Hand jobs to the threads before all else. `idle`: none were in work, so threads wait for the GIL only."""
        self._shared.counted.reserved += len(batch)
        self._permits.take(len(batch))
        now = self._clock()
        if not self._shared.hand_out(batch, now):  # the order came while Redis answered
            self._return([token for token, _, _ in batch])
        elif idle:
            self._prefetch.begin(now)
            if len(batch) <= self._pool.started:
                time.sleep(0)  # gives up the GIL: what remains to be done here is not urgent

    def _look_ahead(self) -> None:
        """See the end of the permits coming: a successor is made ready."""
        self._close_when_out()
        if not self._shared.near_end and self._permits.near_end(self._prefetch.pace):
            self._shared.near_end = True
            self._shared.announce()

    # --- sleep

    def _sleep(self, want: int) -> None:
        """Sleep until something can be done. Armed before the last look at the outcomes, so none is missed."""
        wake = self._shared.wake
        wake.armed = not self._holdings.buffered(self._places)
        timeout = 0.0 if self._holdings.outcomes and wake.armed else self._timeout(want)
        timeout = min(timeout, LOOK_EVERY) if self._pool.short else timeout
        share_at = self._poller.share_at(unsure=self._exchange.unsure)
        looks = self._exchange.tend_at, self._holdings.cursors_at, self._permits.outgrown_at, share_at
        timeout = max(0.0, min(timeout, min(looks) - self._clock()))
        if self._poller.sleep(timeout, hungry=want > 0) and self._due(want := self._want()):
            self._talk(want)  # a push should not wait for the rest of a round

    def _timeout(self, want: int) -> float:
        now = self._clock()
        if now < self._exchange.retry_at:
            return self._exchange.retry_at - now
        if self._holdings.buffered(self._places):
            return ACK_AFTER
        look_at = self._poller.next_at if want else now + FOREVER
        return max(0.0, min(look_at, self._pool.retry_at or look_at) - now)
