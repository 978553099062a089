"""A worker process from its fork to its exit status; what all workers have in common is wired once in the master."""

from __future__ import annotations

import logging
import os
import random
import sys

from resqd import SHORT_VERSION
from resqd.app import App
from resqd.clock import Clock, monotonic
from resqd.failures import Aftermath, FailureRules
from resqd.settings import Settings
from resqd.store.inflight.incarnation import of_this_process, this_place, this_process
from resqd.store.inflight.owner import Inflight
from resqd.store.keys import Keys, to_text
from resqd.store.redis.health import Backoff, Health
from resqd.store.redis.link import Link
from resqd.wire.birth import Birth, Kind
from resqd.wire.messages import Exiting
from resqd.worker import guard
from resqd.worker.control import IGNORED, SIGNALS, Control
from resqd.worker.exchange import Conversation
from resqd.worker.faults import planted
from resqd.worker.fetcher import RECYCLED, Fetcher
from resqd.worker.holdings import Holdings
from resqd.worker.interrupt import Ladder
from resqd.worker.manager import FETCHER_CRASHED, Crew
from resqd.worker.mandate import Wake
from resqd.worker.metrics import Metrics
from resqd.worker.pause_hooks import PauseHooks
from resqd.worker.poller import Sleeper, Watchman
from resqd.worker.pool import Pool
from resqd.worker.prefetch import Permits
from resqd.worker.queues import Quotas, Sources, Suspects
from resqd.worker.recorder import Recorder
from resqd.worker.title import Title


class Blueprint:
    """Objects without a socket, a thread or a descriptor. The master never uses them; each child has its own copy.

    What is made here is not made again in every fork, which a worker of one job would feel: each
    page of memory that a child touches is copied.
    """

    def __init__(
        self, *, settings: Settings, app: App, link: Link, where: str, worker_id: str, clock: Clock
    ) -> None:
        self._settings = settings
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
        )


_log = logging.getLogger(__name__)

SWITCH_INTERVAL = 0.0005
"""Seconds a thread may hold the GIL while others ask for it: with CPU-bound jobs on every thread the
fetcher's acknowledgements waited 249 ms (p99) at Python's default of 0.005, and 28 ms at this."""
CRASHED = 70
"""Exit status of a worker that leaves jobs in flight behind (EX_SOFTWARE of sysexits.h)."""


def run(birth: Birth, *, settings: Settings, app: App, blueprint: Blueprint) -> int:
    """Be a worker: called in the forked child, returns its exit status."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    app.hooks.run("after_fork")
    crew = blueprint.crew(birth)
    pauses = PauseHooks(run=app.hooks.run, done=crew.ring)
    control = Control(birth=birth, settings=settings, crew=crew, pauses=pauses, clock=monotonic)
    guard.guard(
        channel=birth.channel,
        bell=birth.bell,
        executors=crew.executors,
        signals=[*SIGNALS, *IGNORED],
        title=f"{settings.procline_prefix}resqd-{SHORT_VERSION}: forked by a job",
    )
    try:
        reason = control.run()
    except OSError:
        _log.exception("a job has closed descriptors of this process; it gives way to a new one")
        crew.blame()
        return CRASHED  # without a good-bye: the master takes it for the crash that it is
    if reason == RECYCLED:
        app.hooks.run("after_jobs_run")
    app.hooks.run("worker_exit")
    birth.channel.send(Exiting(reason))
    return CRASHED if reason == FETCHER_CRASHED else 0
