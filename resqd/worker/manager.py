"""The fetcher, the job threads and what lies between them, wired together for the control thread."""

from __future__ import annotations

import logging
import os

from resqd.failures import Aftermath
from resqd.store.redis.health import Health
from resqd.threads import NamedThread
from resqd.wire.messages import JobMetrics, Running, Slots, Stats
from resqd.worker import reports
from resqd.worker.executor import Executor
from resqd.worker.fetcher import Fetcher
from resqd.worker.holdings import Holdings, Stillness
from resqd.worker.interrupt import Ladder
from resqd.worker.mandate import Mandate, Wake
from resqd.worker.metrics import Metrics
from resqd.worker.pool import Pool
from resqd.worker.queues import Quotas
from resqd.worker.title import Title

_log = logging.getLogger(__name__)

FETCHER_CRASHED = "the fetcher crashed"
"""Why such a worker ends; its jobs are still in flight."""


class Crew:
    """What the control thread commands: grants of slots, orders to the fetcher, interrupts by the ladder.

    `news` is a descriptor that becomes readable when a thread or the fetcher has ended.
    """

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        health: Health,
        pool: Pool,
        ladder: Ladder,
        holdings: Holdings,
        metrics: Metrics | None,
        quotas: Quotas,
        aftermath: Aftermath,
        wake: Wake,
        title: Title,
        news: int,
    ) -> None:
        self.ladder = ladder
        self.title = title
        self.news = news
        self.quotas = quotas
        self.reason: str | None = None
        self._fetcher = fetcher
        self._health = health
        self._pool = pool
        self._holdings = holdings
        self._metrics = metrics
        self._aftermath = aftermath
        self._wake = wake
        self._stillness = Stillness(holdings=holdings, executors=pool.executors)
        self._strays = 0
        self._thread = NamedThread(name="fetcher", target=self._fetch)

    def start(self, slots: int, mandate: Mandate) -> None:
        """Start the fetcher, which starts as many job threads as `slots` allow and jobs need."""
        self._fetcher.slots = slots
        self._fetcher.mandate = mandate
        self._thread.start()

    def grant(self, order: Slots) -> None:
        """Allow so many jobs at once, and of each capped queue its quota."""
        self._fetcher.slots = order.count
        self.quotas.order(order.serial, order.quotas)
        self._wake.ring()

    def order(self, mandate: Mandate) -> None:
        """Give the fetcher another mandate."""
        if self._fetcher.mandate is not mandate:
            self._fetcher.order(mandate)
            if mandate is not Mandate.RESERVE:
                self._holdings.recall()
            self._wake.ring()

    def follows(self, mandate: Mandate) -> bool:
        """Whether this mandate has taken effect: where it is not to reserve, no thread can begin a job any more."""
        if self._fetcher.mandate is not mandate:
            return False
        return mandate is Mandate.RESERVE or self._stillness.reached()

    @property
    def near_end(self) -> bool:
        """Whether the last permit is near."""
        return self._fetcher.near_end

    def released(self) -> int:
        """How many of the slots granted will run no job any more."""
        return self._pool.released(self._fetcher.slots)

    def stats(self) -> Stats:
        """The worker's account of this moment. The counts for statsd are taken out: `unsent` puts them back."""
        fetcher = self._fetcher
        running = self.running()
        metrics: tuple[JobMetrics, ...] = ()
        if self._metrics is not None:
            self._metrics.running(running)
            metrics = self._metrics.take()
        return Stats(
            processed=fetcher.processed,
            failed=fetcher.failed,
            reserved=fetcher.reserved,
            buffered=self._holdings.buffer.qsize(),
            pace=fetcher.pace,
            rss_bytes=reports.resident_bytes(),
            cpu_seconds=reports.cpu_seconds(),
            redis=self._health.text,
            running=running,
            metrics=metrics,
            missing=self._pool.missing,
            replaced=self._pool.replaced,
        )

    def running(self) -> tuple[Running, ...]:
        """The jobs on the threads now."""
        return reports.running([executor.slot for executor in self._pool.executors])

    @property
    def busy(self) -> bool:
        """Whether any job runs now."""
        return any(executor.slot.open for executor in self._pool.executors)

    def look(self) -> None:
        """See whether job threads have ended without a word, and what has struck them."""
        self._pool.look()
        struck = [executor for executor in self.executors if executor.strays]
        strays = sum(executor.strays for executor in struck)
        if strays > self._strays:
            said = (
                "exceptions were raised from outside in job threads that were not in a job (%d so far, such as %s): "
                "some library raises them late; they were ignored"
            )
            _log.warning(said, strays, struck[-1].stray)
            self._strays = strays

    def unsent(self, stats: Stats) -> None:
        """Keep for the next account what only this one, which the master could not take, would have told."""
        if self._metrics is not None:
            self._metrics.restore(stats.metrics)

    @property
    def executors(self) -> list[Executor]:
        """The job threads' executors."""
        return self._pool.executors

    def descriptors(self) -> list[int]:
        """What its threads need to be open."""
        return [self.news, self._wake.descriptor, *self._fetcher.descriptors()]

    def blame(self) -> None:
        """Name on the shared page, beside what runs, the last job of each thread that is not settled in Redis yet.

        It has ended, but may have wrecked this process; without a charge it would come back for ever.
        """
        for executor in self._pool.executors:
            if self._fetcher.owes(executor.slot.token):
                self._pool.show(executor)

    def close(self, timeout: float) -> None:
        """Let the application's code for failures come to its end, within so many seconds."""
        self._aftermath.close(timeout)

    def ring(self) -> None:
        """Wake the control thread."""
        os.eventfd_write(self.news, 1)

    def _fetch(self) -> None:
        reason = FETCHER_CRASHED
        try:
            reason = self._fetcher.run()
        except Exception:  # noqa: BLE001 - a thread's top
            _log.exception("the fetcher crashed; the worker's jobs will be recovered")
        finally:
            self.reason = reason
            self.ring()
