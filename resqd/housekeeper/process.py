"""The housekeeper's parts, wired together: what a daemon needs the network for, but no job."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from setproctitle import setproctitle

from resqd import SHORT_VERSION
from resqd.app import App
from resqd.clock import monotonic
from resqd.failures import Aftermath, FailureRules
from resqd.housekeeper.control import FAREWELL, Control, Voice
from resqd.housekeeper.doorbell import DoorbellThread
from resqd.housekeeper.failover import FailoverWatch
from resqd.housekeeper.inquest import Culprits, Inquest
from resqd.housekeeper.keeper import ONCE, Duty, Keeper, Settling, check_up
from resqd.housekeeper.orphans import MARGIN, Orphans, Siblings
from resqd.housekeeper.pause_files import PauseFiles
from resqd.housekeeper.recovery import FOLLOW_EVERY, Hosts, Recoverer, Stillness
from resqd.housekeeper.registry import PUBLISH_EVERY, Pruner, Publisher, register_every
from resqd.housekeeper.scheduler import TICK, Judge, Scheduler
from resqd.housekeeper.scrape.counts import Counts
from resqd.housekeeper.statsd import GAUGES_EVERY, Metrics
from resqd.settings import Settings
from resqd.store.inflight.incarnation import life
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from resqd.store.redis.embedded import Embedded, Rewatch
from resqd.store.redis.failover import watch
from resqd.store.redis.health import Backoff, Health
from resqd.store.redis.link import Link
from resqd.store.redis.tracking import Doorbell
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.measure import Measured, measure
from resqd.store.resque.registry import Registry
from resqd.store.scheduler.promotion import Promotion
from resqd.threads import NamedThread
from resqd.wire.birth import Birth
from resqd.wire.messages import Exiting

_NAMES = ("INT", "HUP", "TTIN", "TTOU", "PIPE", "USR1", "USR2", "QUIT")
_IGNORED = frozenset(signal.Signals[f"SIG{name}"] for name in _NAMES)
BELL_FAREWELL = 0.5
"""Seconds that the bell's thread may take; when it is stuck, the master says at our death that the bell is dead."""
POLL_WITHIN = 0.75
"""The part of the longest pause between two trusted polls of others' heartbeats after which the next one is made."""


def run(
    birth: Birth,
    *,
    settings: Settings,
    app: App,
    connection: ConnectionConfig,
    worker_id: str,
    embedded: Embedded | None,
) -> int:
    """Be the housekeeper: called in the forked child, returns its exit status."""
    _settle_signals()
    birth.page.unmap()  # it marks a worker
    setproctitle(f"{settings.procline_prefix}resqd-{SHORT_VERSION}: housekeeper")
    rules = FailureRules(
        policy=app.failure_policy,
        names=settings.failure_backend,
        jobs=app.jobs,
        keys=Keys(settings.namespace),
        around=app.around,
    )
    # Only when it has to run the application's code this process is made fit for it, as a worker is.
    aftermath = Aftermath(rules=rules, prepare=partial(app.hooks.run, "after_fork"))
    culprits = Culprits(settings=settings, app=app, rules=rules, worker_id=worker_id)
    house = _House(
        birth=birth,
        settings=settings,
        app=app,
        connection=connection,
        link=Link(connection),
        worker_id=worker_id,
        voice=Voice(),
    )
    if embedded is not None:
        NamedThread(name="rewatch", target=Rewatch(embedded).run).start()
    doorbell = house.doorbell()
    doorbell.start()
    house.watch_failovers(doorbell)
    reason = house.control(culprits, aftermath).run()
    doorbell.leave(BELL_FAREWELL)
    aftermath.close(FAREWELL)
    birth.channel.send(Exiting(reason))
    return 0


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the keeper does its duties with, all over one link."""

    link: Link
    keys: Keys
    recovery: Recovery
    recoverer: Recoverer
    hosts: Hosts
    registry: Registry
    publisher: Publisher
    pruner: Pruner
    scheduler: Scheduler | None
    gauges: tuple[Callable[[Measured], None], ...]
    """Who is told how long the queues are."""

    def duties(self, settings: Settings) -> list[Duty]:
        """Everything that is done every so often; a duty more is a line more."""
        beat, prune = settings.heartbeat_interval, settings.prune_interval
        return [
            Duty(beat, self.publisher.beat, "the heartbeat"),
            Duty(2 * beat * POLL_WITHIN, self.hosts.watch, "the watch over other daemons"),
            Duty(PUBLISH_EVERY, self.publisher.publish, "publishing"),
            Duty(prune, self.pruner.look, "pruning the registry"),
            *([] if self.scheduler is None else [Duty(TICK, self.scheduler.tend, "resque-scheduler's jobs")]),
            *([Duty(GAUGES_EVERY, self.measure, "measuring queues")] if self.gauges else []),
            Duty(FOLLOW_EVERY, self.recoverer.follow, "the watch over predecessors"),
            Duty(beat, self.recoverer.retry, "the records that no list took"),
            Duty(ONCE, partial(check_up, self.link, settings), "the check of Redis's settings"),
        ]

    def measure(self) -> None:
        """How long the queues are, for statsd and scrapers."""
        measured = measure(self.link, self.keys, now=time.time())
        for told in self.gauges:
            told(measured)

    def farewell(self, *, orphaned: bool) -> None:
        """The daemon ends: nothing of it stays in Redis but what its jobs need. `orphaned`: its master was killed."""
        self.registry.unregister()
        self.hosts.leave(orphaned=orphaned)
        if self.scheduler is not None:
            self.scheduler.leave()


@dataclass(frozen=True, slots=True)
class _House:
    """What the parts are made of; each method makes one of them, or some."""

    birth: Birth
    settings: Settings
    app: App
    connection: ConnectionConfig
    link: Link
    worker_id: str
    voice: Voice

    def control(self, culprits: Culprits, aftermath: Aftermath) -> Control:
        """The control thread with the threads that it commands."""
        settings = self.settings
        health = Health(where=self.connection.describe(), clock=monotonic)
        metrics, counts = self._metrics(), self._counts(health)
        gauges = tuple(each.measured for each in (metrics, counts) if each is not None)
        parts = self._parts(culprits, aftermath, gauges)
        capped = [spec.pattern for spec in settings.queues if spec.capped]
        keeper = Keeper(
            duties=parts.duties(settings),
            settling=Settling(
                recover=parts.recoverer.run,
                suspects=partial(parts.recovery.suspects_waiting, settings.daemon, capped),
                health=health,
                say=self.voice.say,
            ),
            farewell=lambda: parts.farewell(orphaned=os.getppid() != self.birth.master_pid),
            health=health,
            backoff=Backoff(random.random),
            clock=monotonic,
        )
        return Control(
            channel=self.birth.channel,
            keeper=keeper,
            publisher=parts.publisher,
            metrics=metrics,
            counts=counts,
            pause_files=PauseFiles(paths=settings.all_pause_files, say=self.voice.say),
            voice=self.voice,
            siblings=Siblings(bell=self.birth.bell, master_pid=self.birth.master_pid, clock=monotonic),
            grace=settings.kill_grace + MARGIN,
        )

    def doorbell(self) -> DoorbellThread:
        """The thread that listens for pushes."""
        queues = [spec.pattern for spec in self.settings.queues]
        return DoorbellThread(
            bell=self.birth.bell,
            doorbell=Doorbell(config=self.connection, keys=Keys(self.settings.namespace), queues=queues),
            backoff=Backoff(random.random),
            clock=monotonic,
        )

    def watch_failovers(self, doorbell: DoorbellThread) -> None:
        """Start to listen for failovers, where the URL says that there may be some."""
        heard = watch(self.connection, key=Keys(self.settings.namespace).daemons)
        if heard is not None:
            drops = (self.link.abort, doorbell.abort)
            failovers = FailoverWatch(watch=heard, say=self.voice.say, drops=drops)
            NamedThread(name="failovers", target=failovers.run).start()

    def _parts(
        self, culprits: Culprits, aftermath: Aftermath, gauges: tuple[Callable[[Measured], None], ...]
    ) -> _Parts:
        settings, link, keys = self.settings, self.link, Keys(self.settings.namespace)
        own_life = life(settings.daemon, self.birth.epoch)
        beat, prune = settings.heartbeat_interval, settings.prune_interval
        recovery = Recovery(link=link, keys=keys)
        orphans = Orphans(grace=settings.kill_grace + MARGIN, clock=monotonic)
        inquest = Inquest(recovery=recovery, culprits=culprits, convicted=aftermath.put_crashed)
        registry = Registry(
            link=link,
            keys=keys,
            life=own_life,
            worker_id=self.worker_id,
            beats_every=beat,
            registers_every=beat + register_every(prune),
        )
        return _Parts(
            link=link,
            keys=keys,
            recovery=recovery,
            recoverer=Recoverer(
                recovery=recovery,
                daemon=settings.daemon,
                epoch=self.birth.epoch,
                gone=orphans.ended,
                inquest=inquest,
                clock=monotonic,
            ),
            hosts=Hosts(
                recovery=recovery,
                inquest=inquest,
                stillness=Stillness(still_for=prune, gap=2 * beat),
                lingers=orphans.lingers,
                life=own_life,
                clock=monotonic,
            ),
            registry=registry,
            publisher=Publisher(registry=registry, say=self.voice.say, patience=prune, clock=monotonic),
            pruner=Pruner(registry=registry, worker_id=self.worker_id, patience=prune, clock=monotonic),
            gauges=gauges,
            scheduler=self._scheduler(link, keys),
        )

    def _scheduler(self, link: Link, keys: Keys) -> Scheduler | None:
        settings, jobs = self.settings, self.app.jobs
        if settings.resque_scheduler == "off":
            return None
        # The master's pid, so that the next housekeeper of this daemon goes on with the lock.
        own = f"{settings.host}:{self.birth.master_pid}" if settings.resque_scheduler == "take" else ""
        return Scheduler(
            promotion=Promotion(
                link=link, namespace=settings.namespace, own=own, lock_prefix=settings.scheduler_lock_prefix
            ),
            judge=Judge(
                keys=keys,
                worker_id=self.worker_id,
                queue_of=lambda name: jobs[name].queue if name in jobs else None,
            ),
            own=own,
            clock=monotonic,
        )

    def _counts(self, health: Health) -> Counts | None:
        """What scrapers are told; they are answered from now on."""
        settings = self.settings
        if settings.http is None:
            return None
        # http.server imports ssl and e-mail's parser, 3 MB, which daemons that nobody scrapes do without.
        from resqd.housekeeper.scrape.server import Scrape  # noqa: PLC0415 - see above

        counts = Counts(health=health, clock=monotonic)
        Scrape(counts=counts, address=settings.http).start()
        return counts

    def _metrics(self) -> Metrics | None:
        settings = self.settings
        if settings.statsd_host is None or settings.statsd_key is None:
            return None
        return Metrics(
            host=settings.statsd_host, port=settings.statsd_port, key=settings.statsd_key, clock=monotonic
        )


def _settle_signals() -> None:
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGCONT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_IGNORED, signal.SIGTERM, signal.SIGCHLD, signal.SIGCONT})
