"""What all workers of a daemon have in common, wired once in the master and drawn on by each fork."""

from __future__ import annotations

import os
import random

from resqd.app import App
from resqd.clock import Clock
from resqd.failing import Aftermath, FailureRules, fewest_deliveries
from resqd.settings import Settings
from resqd.store.backoff import Backoff
from resqd.store.health import Health
from resqd.store.incarnation import of_this_process, this_place, this_process
from resqd.store.inflight import Inflight
from resqd.store.keys import Keys, to_text
from resqd.store.link import Link
from resqd.wire.birth import Birth, Kind
from resqd.worker.conversation import Conversation
from resqd.worker.crew import Crew
from resqd.worker.faults import planted
from resqd.worker.fetcher import Fetcher
from resqd.worker.holdings import Holdings
from resqd.worker.ladder import Ladder
from resqd.worker.mandate import Wake
from resqd.worker.metrics import Metrics
from resqd.worker.permits import Permits
from resqd.worker.pool import Pool
from resqd.worker.quotas import Quotas
from resqd.worker.recorder import Recorder
from resqd.worker.sleeper import Sleeper
from resqd.worker.sources import Sources
from resqd.worker.suspects import Suspects
from resqd.worker.title import Title
from resqd.worker.watchman import Watchman


class Blueprint:
    """Objects without a socket, a thread or a descriptor. The master never uses them; each child has its own copy.

    What is made here is not made again in every fork, which a worker of one job would feel: each
    page of memory that a child touches is copied.
    """

    def __init__(
        self, *, settings: Settings, app: App, link: Link, where: str, worker_id: str, clock: Clock
    ) -> None:
        self._settings = settings
        self._patience = fewest_deliveries(app.jobs, settings.max_deliveries)
        self._link = link
        self._worker_id = worker_id
        self._place = this_place()
        self._master = this_process()
        self._clock = clock
        self._keys = keys = Keys(settings.namespace)
        self._quotas = Quotas()
        self._sources = Sources(
            specs=settings.queues,
            existing=lambda: [to_text(name) for name in link.call("SMEMBERS", keys.queues)],
            waiting=lambda queues: bool(link.call("EXISTS", *map(keys.queue, queues))),
            quotas=self._quotas,
            clock=clock,
        )
        self._holdings = Holdings(capped=self._sources.capped)
        self._metrics = Metrics(held=self._holdings.holds) if settings.metered else None
        self._rules = FailureRules(
            policy=app.failure_policy,
            names=settings.failure_backend,
            jobs=app.jobs,
            keys=keys,
            around=app.around,
        )
        self._title = Title()
        recorder = Recorder(rules=self._rules, worker=worker_id)
        self._inflight_class, executor_class = planted(os.environ)
        self._executors = [
            executor_class(
                index=index,
                buffer=self._holdings.buffer,
                outcomes=self._holdings.outcomes,
                jobs=app.jobs,
                timed=settings.metered,
                report=recorder,
                title=self._title,
            )
            for index in range(settings.thread_count)
        ]
        self._ladder = Ladder(
            slots=[executor.slot for executor in self._executors], grace=settings.kill_grace
        )
        self._health = Health(where=where, clock=clock)
        self._backoff = Backoff(random.random)

    def crew(self, birth: Birth) -> Crew:
        """The crew of the worker that this process is. Nothing is started and no socket is opened yet."""
        probation = birth.kind is Kind.PROBATION
        wake = Wake()
        aftermath = Aftermath(rules=self._rules, eased=wake.ring)
        news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        executors = self._executors[: len(birth.page.cells)]
        suspects = Suspects(capped=self._sources.capped, quotas=self._quotas)
        self._quotas.begin(birth.quotas)
        pool = Pool(
            executors=executors,
            page=birth.page,
            wake=wake,
            ended=lambda: os.eventfd_write(news, 1),
            clock=self._clock,
        )
        sleeper = Sleeper(wake=wake, bell=birth.bell, fork=birth.fork)
        fetcher = Fetcher(
            conversation=Conversation(
                inflight=self._inflight(birth),
                health=self._health,
                backoff=self._backoff,
                sleeper=sleeper,
                kept=aftermath.put,
                clock=self._clock,
            ),
            holdings=self._holdings,
            sources=suspects if probation else self._sources,
            watchman=Watchman(
                sleeper=sleeper,
                bell=birth.bell,
                interval=0.0 if probation else self._settings.interval,
            ),
            wake=wake,
            pool=pool,
            pace=birth.pace,
            permits=Permits(1 if probation else self._settings.jobs_per_fork or None),
            burst=probation or self._settings.interval == 0,
            aftermath=aftermath,
            told=self._metrics.told if self._metrics else lambda _timed, _failed: None,
            news=lambda: os.eventfd_write(news, 1),
            clock=self._clock,
        )
        return Crew(
            fetcher=fetcher,
            health=self._health,
            pool=pool,
            ladder=self._ladder,
            holdings=self._holdings,
            metrics=self._metrics,
            aftermath=aftermath,
            quotas=self._quotas,
            wake=wake,
            title=self._title,
            news=news,
        )

    def _inflight(self, birth: Birth) -> Inflight:
        return self._inflight_class(
            link=self._link,
            keys=self._keys,
            incarnation=of_this_process(
                daemon=self._settings.daemon,
                epoch=birth.epoch,
                fork=birth.fork,
                place=self._place,
                master=self._master,
            ),
            worker_id=self._worker_id,
            source="suspects" if birth.kind is Kind.PROBATION else "queues",
            patience=self._patience,
        )
