"""What all workers of a daemon have in common, wired once in the master before any is forked."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial

from resqd import SHORT_VERSION
from resqd.aftermath import Aftermath
from resqd.app import App
from resqd.clock import Clock, monotonic
from resqd.settings import Settings
from resqd.store.gates.gates import Gates
from resqd.store.inflight.incarnation import Incarnation, of_this_process, this_place, this_process
from resqd.store.inflight.owner import Inflight
from resqd.store.names import to_text
from resqd.store.redis.health import Backoff, Health
from resqd.store.redis.link import Link
from resqd.store.resque.plugin_locks import PluginLocks
from resqd.store.shards.homeward import Homeward
from resqd.wire.birth import Birth, Kind
from resqd.wire.intent import Intent
from resqd.worker.control import Control, Mercy
from resqd.worker.crew import Common, crew_of
from resqd.worker.demand import Demand
from resqd.worker.doorman import Doors
from resqd.worker.endings import Endings
from resqd.worker.exchange import Exchange
from resqd.worker.fetcher import Fetcher
from resqd.worker.gating import Appetite, Gatekeeper, Parked
from resqd.worker.guard import Guard
from resqd.worker.holdings import Holdings
from resqd.worker.home import Home
from resqd.worker.manager import Manager
from resqd.worker.metrics import Metrics
from resqd.worker.open_queues import OpenQueues
from resqd.worker.order import Order
from resqd.worker.pause_hooks import PauseHooks
from resqd.worker.poller import Poller, Sleeper
from resqd.worker.pool import Pool
from resqd.worker.prefetch import Permits, Prefetch
from resqd.worker.queues import Quotas, Sources, Suspects
from resqd.worker.reach import Reach
from resqd.worker.reports import Account, Reporter
from resqd.worker.shared import MANDATES, Shared


@dataclass(frozen=True, slots=True)
class Supply:
    """Where jobs come from, and those that are here."""

    holdings: Holdings
    quotas: Quotas
    paused: OpenQueues
    sources: Sources


def _supply(common: Common) -> Supply:
    link, keys, settings = common.link, common.keys, common.settings
    threads = settings.thread_count
    most = {spec.pattern: min(threads, spec.cap_count or threads) for spec in settings.queues if spec.capped}
    quotas = Quotas(Demand(threads, most))
    paused = OpenQueues(common.home.pauses)
    sources = Sources(
        specs=settings.queues,
        existing=lambda: [to_text(name) for name in link.call("SMEMBERS", keys.queues)],
        waiting=lambda queues: bool(link.call("EXISTS", *map(keys.queue, queues))),
        quotas=quotas,
        paused=paused,
        order=Order(settings.queues, settings.order, random.random),
        clock=common.clock,
    )
    return Supply(Holdings(capped=sources.capped), quotas, paused, sources)


class Blueprint:
    """What a worker is made of and needs no socket, thread or descriptor. Each child has its own copy.

    What the master makes here is not made again in every fork, which a worker of one job would feel: each
    page of memory that a child touches is copied. The master never uses it. There is one for each shard, with the
    `settings` as they are there.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        app: App,
        link: Link,
        home: Home,
        where: str,
        worker_id: str,
        clock: Clock,
        reach: Reach | None = None,
    ) -> None:
        common = Common(settings, app, link, home, where, worker_id, clock, reach or Reach())
        self._common = common
        self._limited = common.limited  # which asks every job
        self._supply = _supply(common)
        self._crew = crew = crew_of(common, self._supply.holdings)
        self._metrics = Metrics(held=self._supply.holdings.holds) if settings.metered else None
        self._health = Health(where=where, clock=clock)
        self._incarnation = partial(
            of_this_process,
            daemon=settings.daemon,
            place=this_place(),
            master=this_process(),
            homeward=self._limited and not home.here,
        )
        self._inflight = partial(
            Inflight,
            link=link,
            keys=common.keys,
            worker_id=worker_id,
            locks=PluginLocks(settings.namespace) if settings.resque_locks == "on" else None,
            gating=Gatekeeper(app.jobs) if self._limited and home.here else None,
            releases=any(job.unique and job.unique.until == "start" for job in app.jobs.values()),
            time_heard=crew.server_clock.heard,
        )
        self._homeward = partial(Homeward, connect=home.connect, keys=home.keys, gating=Gatekeeper(app.jobs))
        self._parked = Parked(Gates(link=link, keys=common.keys)) if self._limited and home.here else None
        self._doors = partial(
            Doors, connect=home.connect, keys=common.keys, jobs=app.jobs, closed=not home.here
        )

    @property
    def fails_over(self) -> bool:
        """Whether Redis may forget what it has confirmed, since another server takes over."""
        return self._common.link.fails_over

    @property
    def endings(self) -> Endings:
        """Where all jobs of the worker end."""
        return self._crew.endings

    def begin_isolation(self, birth: Birth) -> None:
        """Where jobs are isolated, fork the process that forks theirs, before this one has anything of its own."""
        if self._crew.isolation is not None:
            from resqd.worker.isolation.isolation import start_forker  # noqa: PLC0415 - for who isolates jobs only
            from resqd.worker.isolation.job_process import Stage  # noqa: PLC0415 - the same

            stage = Stage(
                hooks=self._common.app.hooks,
                jobs=self._common.app.jobs,
                endings=self._crew.endings,
                spared=self._supply.holdings.spared,
                trials=self._crew.trials,
                doors=self._doors,
                title=f"{self._common.settings.procline_prefix}resqd-{SHORT_VERSION}: isolated",
            )
            self._crew.isolation.begin(start_forker(birth, stage))

    def manager(self, birth: Birth) -> Manager:
        """The threads of the worker that this process is. Nothing is started and no socket is opened yet."""
        self._supply.quotas.begin(birth.quotas)
        self._supply.paused.begin(birth.paused_queues)
        shared = Shared(
            holdings=self._supply.holdings,
            quotas=self._supply.quotas,
            paused=self._supply.paused,
            prefetch=Prefetch(measured_at=self._common.clock(), pace=birth.pace),
            health=self._health,
            mandate=MANDATES[Intent(birth.state)],
            slots=birth.slots,
        )
        self._crew.alarm.ring = shared.announce
        self._supply.holdings.journal.begin(wake=shared.wake, holding=lambda: shared.holding)
        if self._crew.loop is not None:
            self._crew.loop.begin(page=birth.page, wake=shared.wake, holding=lambda: shared.holding)
        pool = Pool(
            executors=self._crew.executors[: len(birth.page.cells)],
            page=birth.page,
            wake=shared.wake,
            ended=shared.announce,
            thread=self._common.reach.thread,
            clock=self._common.clock,
        )
        aftermath = Aftermath(rules=self._crew.rules, eased=shared.wake.ring)
        fetcher = self._fetcher(birth, shared=shared, pool=pool, aftermath=aftermath)
        return Manager(
            shared=shared,
            fetcher=fetcher,
            pool=pool,
            ladder=self._crew.ladder,
            aftermath=aftermath,
            drop_link=self._common.link.abort,
            thread=self._common.reach.thread,
        )

    def control(self, birth: Birth, manager: Manager) -> Control:
        """The control thread that commands them."""
        settings = self._common.settings
        signals = self._common.reach.signals(settings.term)
        isolation = self._crew.isolation
        descriptors = [birth.channel.fileno(), *signals.descriptors, *manager.descriptors()]
        descriptors += isolation.descriptors if isolation else []
        account = Account(
            shared=manager.shared, pool=manager.pool, metrics=self._metrics, loop=self._crew.loop
        )
        return Control(
            birth=birth,
            mercy=Mercy(settings.kill_grace, spares=settings.term == "requeue"),
            manager=manager,
            reporter=Reporter(
                birth=birth,
                settings=settings,
                account=account,
                title=self._crew.title,
                clock=monotonic,
            ),
            pauses=PauseHooks(run=self._common.app.hooks.run, done=manager.shared.announce),
            signals=signals,
            guard=Guard(
                descriptors=descriptors,
                wakeup=signals.wakeup,
                crippled=lambda: isolation is not None and isolation.lost,
            ),
            clock=monotonic,
        )

    def _fetcher(self, birth: Birth, *, shared: Shared, pool: Pool, aftermath: Aftermath) -> Fetcher:
        probation = birth.kind is Kind.PROBATION
        sleeper = Sleeper(wake=shared.wake, bell=birth.bell, fork=birth.fork)
        suspects = Suspects(capped=self._supply.sources.capped, quotas=self._supply.quotas)
        incarnation: Incarnation = self._incarnation(epoch=birth.epoch, fork=birth.fork)
        homeward = self._homeward(incarnation=incarnation) if incarnation.homeward else None
        inflight = self._inflight(
            incarnation=incarnation, source="suspects" if probation else "queues", homeward=homeward
        )
        doors = self._doors(inflight=inflight.key, using=inflight.hold_more, force=probation)
        for slot in self._crew.slots:
            slot.doors = doors
        return Fetcher(
            shared=shared,
            exchange=Exchange(
                inflight=inflight,
                health=self._health,
                backoff=Backoff(random.random),
                sleeper=sleeper,
                aftermath=aftermath,
                clock=self._common.clock,
            ),
            poller=Poller(
                sources=suspects if probation else self._supply.sources,
                sleeper=sleeper,
                bell=birth.bell,
                interval=0.0 if probation else self._common.settings.interval,
                burst=probation or self._common.settings.interval == 0,
                parked=None if probation else self._parked,
            ),
            pool=pool,
            appetite=Appetite() if self._limited else None,
            permits=Permits(1 if probation else self._common.settings.jobs_per_fork or None),
            told=self._metrics.told if self._metrics else lambda _outcomes: None,
            clock=self._common.clock,
        )
