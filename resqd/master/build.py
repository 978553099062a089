"""Wiring the master's parts together: constructors only, nothing is forked or listened to yet."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from resqd.clock import Clock
from resqd.master.children import Entry, Processes, Spawner
from resqd.master.commands.handlers import Handlers
from resqd.master.commands.server import ControlServer
from resqd.master.fleet import Fleet, FleetSettings
from resqd.master.handover import Caretaker, Estate, Handover
from resqd.master.inbox import Inbox
from resqd.master.lock import DaemonLock
from resqd.master.loop import Master, Outside
from resqd.master.reload import Reload, StartFolder
from resqd.master.signals import Signals
from resqd.master.status import Display
from resqd.master.systemd import Notifier
from resqd.master.vitals import Account
from resqd.master.watch import Watch
from resqd.settings import Settings
from resqd.wire.birth import Kind
from resqd.wire.doorbell import Bells


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What the command line gives to the master."""

    settings: Settings
    entries: Mapping[Kind, Entry]
    lock: DaemonLock
    epoch: str
    before_fork: Callable[[], None]
    trial: Sequence[str]
    folder: StartFolder
    notifier: Notifier
    held: tuple[int, ...]
    """Descriptors to keep over a reload."""
    pause_file: str
    """The pause file that exists at the start; empty: none does."""
    inherited: Handover | None
    async_count: int
    """How many async jobs a worker runs beside those on its threads; 0: the application has none."""
    caretaker: Caretaker | None
    """Whoever served the control socket while a reload imported the application; it has stopped."""
    clock: Clock


def build(given: Ingredients) -> Master:
    """The master, with the children of the program that it replaces when there was one."""
    settings, clock, lock, notifier = given.settings, given.clock, given.lock, given.notifier
    inherited, caretaker = given.inherited, given.caretaker
    selector = caretaker.selector if caretaker else selectors.DefaultSelector()
    server = (
        caretaker.server
        if caretaker
        else ControlServer(path=settings.control_socket, selector=selector, clock=clock)
    )
    signals = Signals()
    bells = Bells(len(settings.shards), inherited.bell if inherited else ())
    fleet = _fleet(given)
    inbox = Inbox(fleet=fleet, clock=clock)
    handlers = Handlers(settings=settings, fleet=fleet, clock=clock)
    reload = Reload(
        trial=given.trial,
        folder=given.folder,
        timeout=settings.boot_timeout,
        notifier=notifier,
        estate=Estate(given.epoch, fleet, lock, server, bells, given.held),
        unfinished=(handlers, fleet.kills, signals),
        clock=clock,
    )
    owners = (fleet, server, lock, notifier, signals, reload)
    spawner = Spawner(
        entries=given.entries,
        epoch=given.epoch,
        bells=bells,
        threads=settings.thread_count + given.async_count,
        descriptors=[*(owner.descriptors for owner in owners), lambda: [selector.fileno()]],
        clock=clock,
    )
    processes = Processes(
        fleet=fleet,
        spawner=spawner,
        bells=bells,
        selector=selector,
        before_fork=given.before_fork,
        clock=clock,
    )
    watch = Watch(fleet=fleet, inbox=inbox, lock=lock)
    display = Display(fleet=fleet, notifier=notifier, prefix=settings.procline_prefix)
    return Master(
        fleet=fleet,
        processes=processes,
        inbox=inbox,
        handlers=handlers,
        reload=reload,
        outside=Outside(selector, signals, server, notifier),
        timed=(watch, handlers, server, reload, display, notifier, *_told(settings, fleet)),
        clock=clock,
    )


def _told(settings: Settings, fleet: Fleet) -> list[Account]:
    """Who tells the housekeeper of the daemon, where somebody scrapes."""
    return [Account(fleet=fleet, threads=settings.thread_count)] if settings.http else []


def _fleet(given: Ingredients) -> Fleet:
    """The fleet as it begins: with the inherited children, or with none, and paused where a pause file says so."""
    settings, now = FleetSettings.of(given.settings), given.clock()
    if given.inherited is None:
        fleet = Fleet(settings, worker_count=given.settings.worker_count, started=now)
    else:
        fleet = Fleet.restore(settings, given.inherited.fleet, now)
        given.inherited.close_on_exec()
    if given.pause_file:
        fleet.orders.paused_by_file(given.pause_file, now)
    return fleet
