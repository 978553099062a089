"""The fetcher, the job threads and what lies between them, wired together for the control thread."""

from __future__ import annotations

import logging
import os
import random
import threading

from resqd.app import App
from resqd.clock import Clock
from resqd.settings import Settings
from resqd.store.backends import backend_of
from resqd.store.connection import Backoff, Link
from resqd.store.health import Health
from resqd.store.incarnation import of_this_process
from resqd.store.inflight import Inflight
from resqd.store.keys import Keys, to_text
from resqd.wire.birth import Birth, Kind
from resqd.wire.messages import Stats
from resqd.worker import reports
from resqd.worker.executor import Executor
from resqd.worker.fetcher import Fetcher
from resqd.worker.holdings import Holdings
from resqd.worker.ladder import Ladder
from resqd.worker.mandate import Mandate, Wake
from resqd.worker.pool import Pool
from resqd.worker.recorder import Recorder
from resqd.worker.sleeper import Sleeper
from resqd.worker.sources import Sources

_log = logging.getLogger(__name__)


class Crew:
    """What the control thread commands: grants of slots, orders to the fetcher, interrupts by the ladder.

    `news` is a descriptor that becomes readable when a thread or the fetcher has ended.
    """

    def __init__(
        self, *, fetcher: Fetcher, pool: Pool, ladder: Ladder, holdings: Holdings, wake: Wake, news: int
    ) -> None:
        self.ladder = ladder
        self.news = news
        self.reason: str | None = None
        self._fetcher = fetcher
        self._pool = pool
        self._holdings = holdings
        self._wake = wake
        self._thread = threading.Thread(target=self._fetch, name="fetcher", daemon=True)

    def start(self, slots: int, mandate: Mandate) -> None:
        """Start the threads that `slots` allow, and the fetcher."""
        self._fetcher.slots = slots
        self._fetcher.mandate = mandate
        self._pool.grow(slots)
        self._thread.start()

    def grant(self, slots: int, quotas: dict[str, int]) -> None:
        """Allow `slots` jobs at once, and of each capped queue its quota."""
        self._fetcher.slots = slots
        self._fetcher.sources.quotas = quotas
        self._pool.grow(slots)
        self._wake.ring()

    def order(self, mandate: Mandate) -> None:
        """Give the fetcher another mandate."""
        if self._fetcher.mandate is not mandate:
            self._fetcher.mandate = mandate
            self._wake.ring()

    @property
    def near_end(self) -> bool:
        """Whether the last permit is near."""
        return self._fetcher.near_end

    def released(self) -> int:
        """How many threads have run their last job."""
        return self._pool.released()

    def stats(self) -> Stats:
        """The worker's account of this moment."""
        fetcher = self._fetcher
        return Stats(
            processed=fetcher.processed,
            failed=fetcher.failed,
            reserved=fetcher.reserved,
            buffered=self._holdings.buffer.qsize(),
            rss_bytes=reports.resident_bytes(),
            cpu_seconds=reports.cpu_seconds(),
            redis=fetcher.health.text,
            running=reports.running([executor.slot for executor in self._pool.executors]),
            metrics=(),
        )

    def _fetch(self) -> None:
        reason = "the fetcher crashed"
        try:
            reason = self._fetcher.run()
        except Exception:  # noqa: BLE001 - a thread's top
            _log.exception("the fetcher crashed; the worker's jobs will be recovered")
        finally:
            self.reason = reason
            os.eventfd_write(self.news, 1)


def build(
    *, birth: Birth, settings: Settings, app: App, link: Link, where: str, worker_id: str, clock: Clock
) -> Crew:
    """Wire a worker's threads. Nothing is started and no socket is opened yet."""
    keys = Keys(settings.namespace)
    wake = Wake()
    news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    sources = Sources(
        specs=settings.queues,
        existing=lambda: [to_text(name) for name in link.call("SMEMBERS", keys.queues)],
        clock=clock,
    )
    sources.quotas = birth.quotas
    holdings = Holdings(capped=sources.capped)
    recorder = Recorder(
        backend=backend_of(settings.failure_backend), keys=keys, worker=worker_id, jobs=app.jobs
    )
    executors = [
        Executor(
            index=index,
            buffer=holdings.buffer,
            outcomes=holdings.outcomes,
            cells=birth.page.cells,
            wake=wake,
            jobs=app.jobs,
            timed=settings.statsd_host is not None,
            report=recorder,
        )
        for index in range(len(birth.page.cells))
    ]
    probation = birth.kind is Kind.PROBATION
    fetcher = Fetcher(
        inflight=Inflight(
            link=link,
            keys=keys,
            incarnation=of_this_process(daemon=settings.daemon, epoch=birth.epoch, fork=birth.fork),
            worker_id=worker_id,
            source="suspects" if probation else "queues",
        ),
        holdings=holdings,
        sources=sources,
        sleeper=Sleeper(wake=wake, bell=birth.bell, fork=birth.fork),
        wake=wake,
        bell=birth.bell,
        health=Health(where=where, clock=clock),
        backoff=Backoff(random.random),
        threads=len(executors),
        permits=1 if probation else settings.jobs_per_fork or None,
        interval=0.0 if probation else settings.interval,
        told=lambda _outcome: None,
        news=lambda: os.eventfd_write(news, 1),
        clock=clock,
    )
    pool = Pool(executors=executors, ended=lambda: os.eventfd_write(news, 1))
    ladder = Ladder(slots=[executor.slot for executor in executors], grace=settings.kill_grace)
    return Crew(fetcher=fetcher, pool=pool, ladder=ladder, holdings=holdings, wake=wake, news=news)
