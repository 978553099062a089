"""The housekeeper's parts, wired together: what a daemon needs the network for, but no job."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import dataclass
from functools import partial

from setproctitle import setproctitle

from resqd import __version__
from resqd.app import App
from resqd.clock import monotonic
from resqd.failures import Aftermath, FailureRules
from resqd.housekeeper.control import FAREWELL, Control, Voice
from resqd.housekeeper.doorbell import Ringer
from resqd.housekeeper.inquest import Culprits, Inquest
from resqd.housekeeper.keeper import ONCE, Duty, Keeper, check_up
from resqd.housekeeper.orphans import MARGIN, Orphans, Siblings
from resqd.housekeeper.pause_files import PauseFiles
from resqd.housekeeper.recovery import FOLLOW_EVERY, Hosts, Reaping, Recoverer
from resqd.housekeeper.registry import PUBLISH_EVERY, Pruner, Publisher, register_every
from resqd.housekeeper.rewatch import Rewatch
from resqd.housekeeper.statsd import GAUGES_EVERY, Metrics
from resqd.settings import Settings
from resqd.store.inflight.incarnation import life, of_life
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from resqd.store.redis.embedded import Embedded
from resqd.store.redis.health import Backoff, Health
from resqd.store.redis.link import Link
from resqd.store.redis.tracking import Doorbell
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.registry import Registry
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
    setproctitle(f"{settings.procline_prefix}resqd-{'.'.join(__version__.split('.')[:2])}: housekeeper")
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
    house = _House(birth=birth, settings=settings, connection=connection, worker_id=worker_id, voice=Voice())
    if embedded is not None:
        NamedThread(name="rewatch", target=Rewatch(embedded).run).start()
    ringer = house.ringer()
    ringer.start()
    reason = house.control(culprits, aftermath).run()
    ringer.leave(BELL_FAREWELL)
    aftermath.close(FAREWELL)
    birth.channel.send(Exiting(reason))
    return 0


@dataclass(frozen=True, slots=True)
class _House:
    """What the parts are made of; each method makes one of them."""

    birth: Birth
    settings: Settings
    connection: ConnectionConfig
    worker_id: str
    voice: Voice

    @property
    def life(self) -> str:
        """This life of the daemon."""
        return life(self.settings.daemon, self.birth.epoch)

    def control(self, culprits: Culprits, aftermath: Aftermath) -> Control:
        """The control thread with the threads that it commands."""
        settings, link, keys = self.settings, Link(self.connection), Keys(self.settings.namespace)
        recovery = Recovery(link=link, keys=keys)
        beats_every = settings.heartbeat_interval
        registry = Registry(
            link=link,
            keys=keys,
            life=self.life,
            worker_id=self.worker_id,
            beats_every=beats_every,
            registers_every=beats_every + register_every(settings.prune_interval),
        )
        publisher = Publisher(
            registry=registry, say=self.voice.say, patience=settings.prune_interval, clock=monotonic
        )
        metrics = self._metrics()
        orphans = Orphans(grace=settings.kill_grace + MARGIN, clock=monotonic)
        inquest = Inquest(recovery=recovery, culprits=culprits, convicted=aftermath.put_crashed)
        recoverer = self._recoverer(recovery, orphans, inquest)

        def farewell() -> None:
            registry.unregister()
            # Where the master was killed they may have done it, and where another of its name lives that one runs them:
            # they stay under probation. Else nobody here will, and any other daemon may.
            orphaned = os.getppid() != self.birth.master_pid
            others = [each for each in recovery.counters() if each != self.life]
            if not orphaned and not any(of_life(each)[0] == settings.daemon for each in others):
                recovery.release_suspects(settings.daemon)
            recovery.forget(self.life)

        keeper = Keeper(
            duties=[
                *self._duties(self._hosts(recovery, orphans, inquest), registry, publisher, metrics),
                Duty(FOLLOW_EVERY, recoverer.follow, "the watch over predecessors"),
                Duty(settings.heartbeat_interval, recoverer.retry, "the records that no list took"),
                Duty(ONCE, partial(check_up, link, settings), "the check of Redis's settings"),
            ],
            recover=recoverer.run,
            suspects=partial(
                recovery.suspects_waiting,
                settings.daemon,
                [spec.pattern for spec in settings.queues if spec.capped],
            ),
            farewell=farewell,
            health=Health(where=self.connection.describe(), clock=monotonic),
            backoff=Backoff(random.random),
            say=self.voice.say,
            clock=monotonic,
        )
        return Control(
            channel=self.birth.channel,
            keeper=keeper,
            publisher=publisher,
            metrics=metrics,
            pause_files=PauseFiles(paths=settings.all_pause_files, say=self.voice.say),
            voice=self.voice,
            siblings=Siblings(bell=self.birth.bell, master_pid=self.birth.master_pid, clock=monotonic),
            grace=settings.kill_grace + MARGIN,
        )

    def ringer(self) -> Ringer:
        """The thread that listens for pushes."""
        queues = [spec.pattern for spec in self.settings.queues]
        return Ringer(
            bell=self.birth.bell,
            doorbell=Doorbell(config=self.connection, keys=Keys(self.settings.namespace), queues=queues),
            backoff=Backoff(random.random),
            clock=monotonic,
        )

    def _hosts(self, recovery: Recovery, orphans: Orphans, inquest: Inquest) -> Hosts:
        reaping = Reaping(still_for=self.settings.prune_interval, gap=2 * self.settings.heartbeat_interval)
        return Hosts(
            recovery=recovery,
            inquest=inquest,
            reaping=reaping,
            lingers=orphans.lingers,
            life=self.life,
            clock=monotonic,
        )

    def _duties(
        self, hosts: Hosts, registry: Registry, publisher: Publisher, metrics: Metrics | None
    ) -> list[Duty]:
        settings = self.settings
        gap = 2 * settings.heartbeat_interval
        pruner = Pruner(
            registry=registry, worker_id=self.worker_id, patience=settings.prune_interval, clock=monotonic
        )
        duties = [
            Duty(settings.heartbeat_interval, publisher.beat, "the heartbeat"),
            Duty(gap * POLL_WITHIN, hosts.watch, "the watch over other daemons"),
            Duty(PUBLISH_EVERY, publisher.publish, "publishing"),
            Duty(settings.prune_interval, pruner.look, "pruning the registry"),
        ]
        if metrics is not None:
            duties.append(
                Duty(GAUGES_EVERY, lambda: metrics.measured(registry.queue_lengths()), "measuring queues")
            )
        return duties

    def _recoverer(self, recovery: Recovery, orphans: Orphans, inquest: Inquest) -> Recoverer:
        return Recoverer(
            recovery=recovery,
            daemon=self.settings.daemon,
            epoch=self.birth.epoch,
            gone=orphans.ended,
            inquest=inquest,
            clock=monotonic,
        )

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
