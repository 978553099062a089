"""A worker process from its fork to its exit status; what all workers have in common is wired once in the master."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import partial

from resqd import SHORT_VERSION, events
from resqd.app import App
from resqd.application.parts import parts_of
from resqd.clock import Clock, monotonic
from resqd.failures import Aftermath, FailureRules
from resqd.settings import Settings
from resqd.store.inflight.incarnation import Incarnation, of_this_process, this_place, this_process
from resqd.store.inflight.owner import Inflight
from resqd.store.keys import Keys
from resqd.store.names import to_text
from resqd.store.redis.health import Backoff, Health
from resqd.store.redis.link import Link
from resqd.store.resque.knowers import Knower, Knowers
from resqd.store.resque.pauses import PauseKeys
from resqd.store.resque.pauses import look as look_for_pauses
from resqd.store.resque.plugin_locks import PluginLocks
from resqd.threads import Title
from resqd.wire.birth import Birth, Kind
from resqd.wire.intent import SIGNALS, Intent
from resqd.wire.messages import Exiting
from resqd.worker.control import IGNORED, Control, Signals
from resqd.worker.endings import Endings
from resqd.worker.exchange import Exchange
from resqd.worker.executor import Executor
from resqd.worker.fetcher import RECYCLED, Fetcher
from resqd.worker.gating import Appetite, Gatekeeper
from resqd.worker.guard import Guard, at_fork
from resqd.worker.holdings import Holdings
from resqd.worker.interrupt import Alarm, Ladder
from resqd.worker.manager import FETCHER_CRASHED, Manager
from resqd.worker.metrics import Metrics
from resqd.worker.open_queues import OpenQueues
from resqd.worker.pause_hooks import PauseHooks
from resqd.worker.poller import Poller, Sleeper
from resqd.worker.pool import Pool
from resqd.worker.prefetch import Permits, Prefetch
from resqd.worker.queues import Quotas, Sources, Suspects
from resqd.worker.recorder import Recorder
from resqd.worker.reports import Account, Reporter
from resqd.worker.shared import MANDATES, Mandate, Shared
from resqd.worker.strangers import Strangers
from resqd.worker.tasks import Loop, Task
from resqd.worker.trial import ServerClock, Trials

SWITCH_INTERVAL = 0.0005
"""Seconds a thread may hold the GIL while others ask for it: with CPU-bound jobs on every thread the
fetcher's acknowledgements waited 249 ms (p99) at Python's default of 0.005, and 28 ms at this."""
CRASHED = 70
"""Exit status of a worker that leaves jobs in flight behind (EX_SOFTWARE of sysexits.h)."""


def run(birth: Birth, *, settings: Settings, app: App, blueprint: Blueprint) -> int:
    """Be a worker: called in the forked child, returns its exit status."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    app.hooks.run("after_fork")
    manager = blueprint.manager(birth)
    control = blueprint.control(birth, manager)
    at_fork(
        channel=birth.channel,
        bell=birth.bell,
        jobs=blueprint.endings,
        signals=[*SIGNALS, *IGNORED],
        title=f"{settings.procline_prefix}resqd-{SHORT_VERSION}: forked by a job",
    )
    try:
        reason = control.run()
    except OSError:
        events.Worker.descriptors_lost()
        manager.blame()
        return CRASHED  # it says nothing to the master, which takes it for the crash that it is
    if reason == RECYCLED:
        app.hooks.run("after_jobs_run")
    app.hooks.run("worker_exit")
    ended, dismissed = manager.farewell() if blueprint.fails_over else ("", ())
    birth.channel.send(Exiting(reason, ended, dismissed))
    return CRASHED if reason == FETCHER_CRASHED else 0


def _look_for_knowers(connect: Callable[[], Link], keys: Keys) -> list[Knower]:
    """Who knows which jobs, over a connection of its own: the fetcher's is the fetcher's alone."""
    link = connect()
    try:
        return Knowers(link, keys).look()
    finally:
        link.close()


def has_async(app: App) -> bool:
    """Whether any job of the application is async."""
    return any(job.is_async for job in parts_of(app).catalog.jobs.values())


class Blueprint:
    """What a worker is made of and needs no socket, thread or descriptor. Each child has its own copy.

    What the master makes here is not made again in every fork, which a worker of one job would feel: each
    page of memory that a child touches is copied. The master never uses it.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        app: App,
        link: Link,
        connect: Callable[[], Link],
        where: str,
        worker_id: str,
        clock: Clock,
    ) -> None:
        keys, catalog = Keys(settings.namespace), parts_of(app).catalog
        self._settings = settings
        self._hooks = app.hooks
        self._clock = clock
        self._quotas = Quotas()
        self._limited = any(job.gauge for job in app.jobs.values())
        self._paused = OpenQueues(
            lambda queues: look_for_pauses(link.call, PauseKeys(settings.namespace), queues)
        )
        self._sources = Sources(
            specs=settings.queues,
            existing=lambda: [to_text(name) for name in link.call("SMEMBERS", keys.queues)],
            waiting=lambda queues: bool(link.call("EXISTS", *map(keys.queue, queues))),
            quotas=self._quotas,
            paused=self._paused,
            clock=clock,
        )
        self._holdings = Holdings(capped=self._sources.capped)
        self._metrics = Metrics(held=self._holdings.holds) if settings.metered else None
        self._rules = FailureRules(
            policy=app.failure_policy,
            names=settings.failure_backend,
            jobs=catalog.jobs,
            keys=keys,
            around=catalog.around,
        )
        self._title = Title()
        self._alarm, server_clock = Alarm(), ServerClock()
        strangers = Strangers(
            app=app.name or settings.app or "",
            look=partial(_look_for_knowers, connect, keys),
            clock=clock,
        )
        trials = partial(
            Trials,
            jobs=app.jobs,
            alarm=self._alarm,
            clock=server_clock,
            strangers=strangers if settings.unknown_job == "return" else None,
        )
        self.endings = Endings(
            outcomes=self._holdings.outcomes,
            spared=self._holdings.spared,
            report=Recorder(rules=self._rules, worker=worker_id),
            timed=settings.metered,
        )
        self.loop = (
            Loop(
                count=settings.async_count,
                first=settings.thread_count,
                holdings=self._holdings,
                endings=self.endings,
                trials=trials,
            )
            if has_async(app)
            else None
        )
        self._executors = [
            Executor(
                index=index,
                buffer=self._holdings.buffer,
                endings=self.endings,
                jobs=catalog.jobs,
                title=self._title,
                loud=settings.log_level == "debug",
                loop=self.loop,
                trials=trials,
            )
            for index in range(settings.thread_count)
        ]
        self._ladder = Ladder(
            slots=[*(executor.slot for executor in self._executors), *self._tasks],
            grace=settings.kill_grace,
            spared=self._holdings.spared,
            alarm=self._alarm,
        )
        self._health = Health(where=where, clock=clock)
        self._incarnation = partial(
            of_this_process, daemon=settings.daemon, place=this_place(), master=this_process()
        )
        self._drop_link = link.abort
        self.fails_over = link.fails_over
        """Whether Redis may forget what it has confirmed, since another server takes over."""
        self._inflight = partial(
            Inflight,
            link=link,
            keys=keys,
            worker_id=worker_id,
            locks=PluginLocks(settings.namespace) if settings.resque_locks == "on" else None,
            gating=Gatekeeper(app.jobs) if self._limited else None,
            releases=any(job.unique and job.unique.until == "start" for job in app.jobs.values()),
            time_heard=server_clock.heard,
        )

    @property
    def _tasks(self) -> list[Task]:
        return self.loop.tasks if self.loop is not None else []

    def manager(self, birth: Birth) -> Manager:
        """The threads of the worker that this process is. Nothing is started and no socket is opened yet."""
        self._quotas.begin(birth.quotas)
        self._paused.begin(birth.paused_queues)
        shared = Shared(
            holdings=self._holdings,
            quotas=self._quotas,
            paused=self._paused,
            prefetch=Prefetch(measured_at=self._clock(), pace=birth.pace),
            health=self._health,
            mandate=MANDATES[Intent(birth.state)],
            slots=birth.slots,
        )
        self._alarm.ring = shared.announce
        if self.loop is not None:
            self.loop.begin(
                page=birth.page, wake=shared.wake, holding=lambda: shared.mandate is not Mandate.RESERVE
            )
        pool = Pool(
            executors=self._executors[: len(birth.page.cells)],
            page=birth.page,
            wake=shared.wake,
            ended=shared.announce,
            clock=self._clock,
        )
        aftermath = Aftermath(rules=self._rules, eased=shared.wake.ring)
        fetcher = self._fetcher(birth, shared=shared, pool=pool, aftermath=aftermath)
        return Manager(
            shared=shared,
            fetcher=fetcher,
            pool=pool,
            ladder=self._ladder,
            aftermath=aftermath,
            drop_link=self._drop_link,
        )

    def control(self, birth: Birth, manager: Manager) -> Control:
        """The control thread that commands them."""
        signals = Signals(self._settings.term)
        descriptors = [birth.channel.fileno(), *signals.descriptors, *manager.descriptors()]
        account = Account(shared=manager.shared, pool=manager.pool, metrics=self._metrics, loop=self.loop)
        return Control(
            birth=birth,
            grace=self._settings.kill_grace,
            spares=self._settings.term == "requeue",
            manager=manager,
            reporter=Reporter(
                birth=birth, settings=self._settings, account=account, title=self._title, clock=monotonic
            ),
            pauses=PauseHooks(run=self._hooks.run, done=manager.shared.announce),
            signals=signals,
            guard=Guard(descriptors=descriptors, wakeup=signals.wakeup),
            clock=monotonic,
        )

    def _fetcher(self, birth: Birth, *, shared: Shared, pool: Pool, aftermath: Aftermath) -> Fetcher:
        probation = birth.kind is Kind.PROBATION
        sleeper = Sleeper(wake=shared.wake, bell=birth.bell, fork=birth.fork)
        suspects = Suspects(capped=self._sources.capped, quotas=self._quotas)
        incarnation: Incarnation = self._incarnation(epoch=birth.epoch, fork=birth.fork)
        return Fetcher(
            shared=shared,
            exchange=Exchange(
                inflight=self._inflight(
                    incarnation=incarnation, source="suspects" if probation else "queues"
                ),
                health=self._health,
                backoff=Backoff(random.random),
                sleeper=sleeper,
                aftermath=aftermath,
                clock=self._clock,
            ),
            poller=Poller(
                sources=suspects if probation else self._sources,
                sleeper=sleeper,
                bell=birth.bell,
                interval=0.0 if probation else self._settings.interval,
                burst=probation or self._settings.interval == 0,
            ),
            pool=pool,
            appetite=Appetite() if self._limited else None,
            permits=Permits(1 if probation else self._settings.jobs_per_fork or None),
            told=self._metrics.told if self._metrics else lambda _outcomes: None,
            clock=self._clock,
        )
