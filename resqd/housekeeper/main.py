"""The housekeeper's control thread: reads the channel, passes orders to the keeper, and its words up."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import selectors
import signal
from collections import deque

from setproctitle import setproctitle

from resqd import __version__
from resqd.app import App
from resqd.clock import monotonic
from resqd.errors import ChannelClosed, ProtocolError
from resqd.failing import Aftermath, FailureRules
from resqd.housekeeper.bell import Ringer
from resqd.housekeeper.culprits import Culprits
from resqd.housekeeper.hosts import Hosts
from resqd.housekeeper.identifier import Identifier
from resqd.housekeeper.keeper import Duty, Keeper
from resqd.housekeeper.metrics import GAUGES_EVERY, Metrics
from resqd.housekeeper.pause_files import PauseFiles
from resqd.housekeeper.pruner import Pruner
from resqd.housekeeper.publisher import PUBLISH_EVERY, Publisher
from resqd.housekeeper.reaping import Reaping
from resqd.housekeeper.recovery import Recoverer
from resqd.settings import Settings
from resqd.store.backoff import Backoff
from resqd.store.connection import ConnectionConfig
from resqd.store.doorbell import Doorbell
from resqd.store.health import Health
from resqd.store.incarnation import gone, is_foreign, life
from resqd.store.keys import Keys
from resqd.store.recovery import Recovery
from resqd.store.registry import Registry
from resqd.threads import NamedThread
from resqd.wire.birth import Birth
from resqd.wire.channel import Channel
from resqd.wire.messages import Alive, Booted, Busy, Drain, Exiting, Identify, Message, Ping, Pong, Stop

_log = logging.getLogger(__name__)

_NAMES = ("INT", "HUP", "TTIN", "TTOU", "PIPE", "USR1", "USR2", "QUIT")
_IGNORED = frozenset(signal.Signals[f"SIG{name}"] for name in _NAMES)
REPLACED = "replaced"
"""The reason of a housekeeper that leaves its place to another, as at a reload: the daemon stays registered."""
LAST_METRICS = 0.5
"""Seconds that the last metrics may take; statsd's host may be slow to find."""
FAREWELL = 2.0
"""Seconds that the good-bye to Redis may take when the daemon ends or the master is gone."""
BELL_FAREWELL = 0.5
"""Seconds that the bell's thread may take; when it is stuck, the master says at our death that the bell is dead."""


POLL_WITHIN = 0.75
"""The part of the longest pause between two trusted polls of others' heartbeats after which the next one is made."""


class Control:
    """The housekeeper's main thread. It answers the master while Redis hangs."""

    def __init__(
        self,
        *,
        channel: Channel,
        keeper: Keeper,
        publisher: Publisher,
        metrics: Metrics | None,
        pause_files: PauseFiles,
        outbox: deque[Message],
        news: int,
    ) -> None:
        self._channel = channel
        self._keeper = keeper
        self._publisher = publisher
        self._metrics = metrics
        self._pause_files = pause_files
        self._outbox = outbox
        self._news = news
        self._selector = selectors.DefaultSelector()
        self._leaving = False

    def run(self) -> str:
        """Run until told to leave or the master is gone; the reason."""
        thread = NamedThread(name="keeper", target=self._keeper.run)
        thread.start()
        NamedThread(name="pause files", target=self._pause_files.run).start()
        sender = self._start_metrics()
        self._selector.register(self._channel, selectors.EVENT_READ, self._hear)
        self._selector.register(self._news, selectors.EVENT_READ, self._speak)
        self._channel.send(Booted())
        reason = ""
        while not reason:
            for key, _ in self._selector.select():
                reason = key.data() or reason
        self._keeper.leave(final=reason != REPLACED)
        thread.join(FAREWELL)
        if self._metrics is not None and sender is not None:
            self._metrics.leave()
            sender.join(LAST_METRICS)
        self._speak()
        return reason

    def _start_metrics(self) -> NamedThread | None:
        if self._metrics is None:
            return None
        sender = NamedThread(name="statsd", target=self._metrics.run)
        sender.start()
        return sender

    def _hear(self) -> str:
        try:
            messages = self._channel.receive()
        except (ChannelClosed, ProtocolError):
            return "orphaned"
        for message in messages:
            if isinstance(message, Alive | Identify):
                self._keeper.orders.put(message)
            elif isinstance(message, Ping):
                self._channel.send(Pong())
            elif isinstance(message, Busy):
                self._publisher.take(message)
                if self._metrics is not None:
                    self._metrics.take(message)
            elif isinstance(message, Drain):
                return REPLACED
            elif isinstance(message, Stop):
                return "stopped"
        return ""

    def _speak(self) -> str:
        with contextlib.suppress(BlockingIOError):  # nothing new, or the last words after the loop
            os.eventfd_read(self._news)
        while self._outbox:
            self._channel.send(self._outbox.popleft())
        return ""


def run(birth: Birth, *, settings: Settings, app: App, connection: ConnectionConfig, worker_id: str) -> int:
    """Be the housekeeper: called in the forked child, returns its exit status."""
    _settle_signals()
    setproctitle(f"{settings.procline_prefix}resqd-{'.'.join(__version__.split('.')[:2])}: housekeeper")
    outbox: deque[Message] = deque()
    news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def say(message: Message) -> None:
        outbox.append(message)
        os.eventfd_write(news, 1)

    link, keys = connection.open(), Keys(settings.namespace)
    recovery = Recovery(link=link, keys=keys)
    rules = FailureRules(policy=app.failure_policy, names=settings.failure_backend, jobs=app.jobs, keys=keys)
    aftermath = Aftermath(rules=rules)
    culprits = Culprits(settings=settings, app=app, rules=rules, worker_id=worker_id)
    recoverer = Recoverer(
        recovery=recovery,
        daemon=settings.daemon,
        epoch=birth.epoch,
        gone=lambda incarnation: not is_foreign(incarnation) and gone(incarnation),
        rule=culprits.rule,
        convict=culprits.convict,
        convicted=aftermath.put,
        clock=monotonic,
    )
    metrics = _metrics(settings)
    own_life = life(settings.daemon, birth.epoch)
    gap = 2 * settings.heartbeat_interval
    hosts = Hosts(
        recovery=recovery,
        reaping=Reaping(still_for=settings.prune_interval, gap=gap),
        life=own_life,
        clock=monotonic,
    )
    registry = Registry(link=link, keys=keys, life=own_life, worker_id=worker_id)
    publisher = Publisher(registry=registry, say=say, patience=settings.prune_interval, clock=monotonic)
    pruner = Pruner(registry=registry, worker_id=worker_id, patience=settings.prune_interval, clock=monotonic)

    def farewell() -> None:
        registry.unregister()
        recovery.release_suspects(settings.daemon)
        recovery.forget(own_life)

    keeper = Keeper(
        duties=[
            Duty(settings.heartbeat_interval, publisher.beat),
            Duty(gap * POLL_WITHIN, hosts.watch),
            Duty(PUBLISH_EVERY, publisher.publish),
            Duty(settings.prune_interval, pruner.look),
            *([Duty(GAUGES_EVERY, lambda: metrics.measured(registry.queue_lengths()))] if metrics else ()),
        ],
        recover=recoverer.run,
        identify=Identifier(recovery=recovery, daemon=settings.daemon, epoch=birth.epoch),
        suspects=lambda: recovery.suspects_waiting(settings.daemon),
        farewell=farewell,
        health=Health(where=connection.describe(), clock=monotonic),
        backoff=Backoff(random.random),
        say=say,
        clock=monotonic,
    )
    ringer = _ringer(birth, settings=settings, connection=connection, keys=keys)
    ringer.start()
    reason = Control(
        channel=birth.channel,
        keeper=keeper,
        publisher=publisher,
        metrics=metrics,
        pause_files=PauseFiles(paths=settings.all_pause_files, say=say),
        outbox=outbox,
        news=news,
    ).run()
    ringer.leave(BELL_FAREWELL)
    aftermath.close(FAREWELL)
    birth.channel.send(Exiting(reason))
    return 0


def _metrics(settings: Settings) -> Metrics | None:
    if settings.statsd_host is None or settings.statsd_key is None:
        return None
    return Metrics(
        host=settings.statsd_host, port=settings.statsd_port, key=settings.statsd_key, clock=monotonic
    )


def _ringer(birth: Birth, *, settings: Settings, connection: ConnectionConfig, keys: Keys) -> Ringer:
    queues = [spec.pattern for spec in settings.queues]
    return Ringer(
        bell=birth.bell,
        doorbell=Doorbell(config=connection, keys=keys, queues=queues),
        backoff=Backoff(random.random),
        clock=monotonic,
    )


def _settle_signals() -> None:
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_IGNORED, signal.SIGTERM, signal.SIGCHLD, signal.SIGCONT})
