"""Wiring the master's parts together: constructors only, nothing is forked or listened to yet."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from resqd.clock import Clock
from resqd.master import timeouts
from resqd.master.caretaker import Caretaker
from resqd.master.children import Nursery
from resqd.master.commands.handlers import Desk
from resqd.master.commands.server import ControlServer, Request
from resqd.master.commands.steering import Helm
from resqd.master.handover import Handover
from resqd.master.inbox import Inbox
from resqd.master.ledger import Ledger
from resqd.master.lock import DaemonLock
from resqd.master.loop import Master
from resqd.master.plan import Fleet
from resqd.master.reload import Reload, StartFolder
from resqd.master.signals import Signals
from resqd.master.spawner import Entry, Spawner
from resqd.master.succession import Succession
from resqd.master.systemd import Notifier
from resqd.master.timeouts import Kills
from resqd.settings import Settings
from resqd.wire.birth import Kind
from resqd.wire.doorbell import Bell
from resqd.wire.intent import Intent


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
    caretaker: Caretaker | None
    """Whoever served the control socket while a reload imported the application; it has stopped."""
    parked: Sequence[Request]
    """The calls that it left."""
    clock: Clock


def build(given: Ingredients) -> Master:
    """The master, with the children of the program that it replaces when there was one."""
    settings, clock, inherited = given.settings, given.clock, given.inherited
    caretaker = given.caretaker
    selector = caretaker.selector if caretaker else selectors.DefaultSelector()
    signals = Signals()
    bell = Bell(inherited.bell if inherited else None)
    fleet = Fleet(
        name=settings.name,
        intent=Intent(inherited.commanded) if inherited else Intent.RUNNING,
        worker_count=inherited.worker_count if inherited else settings.worker_count,
        thread_count=settings.thread_count,
        burst=settings.burst,
        capped=[spec for spec in settings.queues if spec.capped],
        roll_patience=settings.drain_timeout,
    )
    ledger = Ledger(inherited.past if inherited else (0, 0))
    orders = Kills(settings.kill_grace)
    helm = Helm(fleet=fleet, kills=orders, drain_timeout=settings.drain_timeout, clock=clock)
    if given.pause_file:
        helm.paused_by_file(given.pause_file)
    limits = timeouts.Limits(
        boot=settings.boot_timeout,
        hang=settings.hang_timeout,
        heart=max(timeouts.HEART_LEAST, settings.prune_interval / 2),
        hang_busy=settings.hang_busy_timeout,
        drain=settings.drain_timeout,
        kill_grace=settings.kill_grace,
    )
    spawner = Spawner(
        entries=given.entries,
        epoch=given.epoch,
        bell=bell,
        threads=settings.thread_count,
        descriptors=lambda: [
            *nursery.descriptors(),
            *server.descriptors(),
            *given.lock.descriptors(),
            *given.notifier.descriptors(),
            *signals.descriptors(),
            *reload.descriptors(),
            selector.fileno(),
        ],
        clock=clock,
        forks=inherited.forks if inherited else 0,
    )
    nursery = Nursery(
        fleet=fleet,
        spawner=spawner,
        ledger=ledger,
        bell=bell,
        selector=selector,
        before_fork=given.before_fork,
        clock=clock,
    )
    desk = Desk(
        settings=settings,
        fleet=fleet,
        ledger=ledger,
        helm=helm,
        last_exits=nursery.last_exits,
        started=inherited.started if inherited else clock(),
        clock=clock,
    )
    desk.inbox = nursery.inbox = inbox = Inbox(
        fleet=fleet,
        ledger=ledger,
        kills=orders,
        helm=helm,
        answers=desk,
        limits=limits,
        booted=nursery.booted,
        clock=clock,
    )
    server = (
        caretaker.server
        if caretaker
        else ControlServer(path=settings.control_socket, handler=desk.handle, selector=selector, clock=clock)
    )
    server.handler = desk.handle
    succession = Succession(
        epoch=given.epoch,
        spawner=spawner,
        desk=desk,
        helm=helm,
        fleet=fleet,
        ledger=ledger,
        inbox=inbox,
        lock=given.lock,
        server=server,
        bell=bell,
        held=given.held,
        last_exits=nursery.last_exits,
    )
    desk.reload = reload = Reload(
        trial=given.trial,
        folder=given.folder,
        timeout=settings.boot_timeout,
        notifier=given.notifier,
        hand_over=succession.hand_over,
        refusal=lambda: f"the daemon is {fleet.intent.value}" if fleet.leaving else None,
        busy=lambda: desk.busy or orders.pending() or bool(signals.queue),
        clock=clock,
    )
    if inherited:
        succession.take_over(inherited, nursery=nursery, now=clock())
    return Master(
        fleet=fleet,
        nursery=nursery,
        helm=helm,
        inbox=inbox,
        orders=orders,
        ledger=ledger,
        desk=desk,
        server=server,
        notifier=given.notifier,
        lock=given.lock,
        signals=signals,
        limits=limits,
        selector=selector,
        prefix=settings.procline_prefix,
        reload=reload,
        inherited=inherited is not None,
        parked=given.parked,
        clock=clock,
    )
