"""The master's loop: hear signals, children and clients, bury the dead, carry out the plan, sleep."""

from __future__ import annotations

import select
import selectors
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from resqd import events
from resqd.clock import Clock
from resqd.master.child import Child
from resqd.master.children import Processes
from resqd.master.commands import steering
from resqd.master.commands.handlers import Handlers
from resqd.master.commands.server import ControlServer
from resqd.master.fleet import Fleet
from resqd.master.inbox import Inbox
from resqd.master.plan import Action, Fork, Grant, Retire, Tell, next_at, plan
from resqd.master.reload import Reload
from resqd.master.signals import Signals
from resqd.master.systemd import Notifier
from resqd.wire.intent import SIGNALS

LONGEST_SLEEP = 5.0
FAULT_PAUSE = 0.5
"""Seconds until the next turn after one that failed, unless a signal comes: a fault that stays must not spin."""

_ENDINGS = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}
_SCALES = {signal.SIGTTIN: 1, signal.SIGTTOU: -1}


class Timed(Protocol):
    """A part of the master that does something when its time has come."""

    def tick(self, now: float) -> None:
        """Do what is due."""

    def next_at(self) -> float | None:
        """When `tick` has something to do; None when nothing is due."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Where the master hears from: what it selects, signals, resqctl, systemd."""

    selector: selectors.BaseSelector
    signals: Signals
    server: ControlServer
    notifier: Notifier


class Master:
    """Runs the fleet until it is drained, stopped or, in a burst, out of work. It talks to the kernel only."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        processes: Processes,
        inbox: Inbox,
        handlers: Handlers,
        reload: Reload,
        outside: Outside,
        timed: Sequence[Timed],
        clock: Clock,
    ) -> None:
        self._fleet = fleet
        self._processes = processes
        self._inbox = inbox
        self._handlers = handlers
        self._reload = reload
        self._outside = outside
        self._timed = timed
        self._clock = clock
        self._finished = False

    def run(self) -> int:
        """Run until all is done; the exit status."""
        outside = self._outside
        outside.signals.install()
        outside.selector.register(outside.signals, selectors.EVENT_READ, outside.signals)
        self._processes.start()
        if outside.server.listening:  # after a reload
            outside.notifier.bridged()
        else:
            outside.server.start()
        self._act()
        outside.notifier.ready()
        self._handle_requests()
        while not self._finished:
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - the loop's top: one fault must not end all workers
                events.Master.turn_failed()
                select.select([outside.signals], [], [], FAULT_PAUSE)
        outside.signals.leave()
        outside.notifier.stopping()
        outside.server.close()
        return 0

    def _turn(self) -> None:
        self._wait()
        self._handle_requests()
        self._handle_signals()
        self._bury_the_dead()
        self._tick()
        self._act()

    def _wait(self) -> None:
        outside = self._outside
        for key, mask in outside.selector.select(self._timeout()):
            if isinstance(key.data, Child):
                self._serve(key.data, mask)
            elif key.data is not outside.signals:
                outside.server.ready(key, mask)

    def _timeout(self) -> float:
        now = self._clock()
        moments = [each.next_at() for each in self._timed]
        moments += [next_at(self._fleet, now), self._fleet.orders.drain_by, self._processes.next_at()]
        return max(0.0, min(now + LONGEST_SLEEP, *(at for at in moments if at is not None)) - now)

    def _serve(self, child: Child, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            child.channel.flush()
        if mask & selectors.EVENT_READ:
            self._hear(child)

    def _hear(self, child: Child) -> None:
        """Read what a child has sent; its end of file says nothing that the reaper does not say better."""
        from_child = child.receive()
        if from_child is None:
            self._processes.deafen(child)
            child.account.deaf_at = child.account.deaf_at or self._clock()
        for message in from_child or ():
            self._inbox.take(child, message)

    def _handle_requests(self) -> None:
        while (request := self._outside.server.take() or self._inbox.take_asked()) is not None:
            if request.command == "reload":
                self._reload.begin(request)
            else:
                self._handlers.handle(request)

    def _handle_signals(self) -> None:
        for number in self._outside.signals.take():
            if number is not signal.SIGCHLD:
                events.Master.signal_received(name=number.name)
            if number in _ENDINGS:
                steering.end(self._fleet, self._clock(), by=_ENDINGS[number])
            elif command := SIGNALS.get(number):
                steering.command(self._fleet, command, self._clock(), by=number.name)
            elif number in _SCALES:
                steering.nudge(self._fleet, _SCALES[number])
            elif number is signal.SIGHUP:
                self._reload.begin(None)

    def _bury_the_dead(self) -> None:
        """Their last messages are read first: why they left may be among them."""
        for child, end in self._processes.dead():
            self._hear(child)
            self._processes.bury(child, end)
            self._inbox.buried(child)

    def _tick(self) -> None:
        now = self._clock()
        steering.end_long_drain(self._fleet, now)
        for each in self._timed:
            each.tick(now)

    def _act(self) -> None:
        now = self._clock()
        for action in plan(self._fleet, now):
            self._do(action, now)
        self._processes.tell_alive(now)
        self._processes.look_at_channels()

    def _do(self, action: Action, now: float) -> None:
        if isinstance(action, Fork):
            self._processes.fork(action)
        elif isinstance(action, Grant):
            action.child.order(action.slots, action.quotas)
        elif isinstance(action, Tell):
            steering.tell(self._fleet, action.child, action.intent, now)
        elif isinstance(action, Retire):
            steering.retire(self._fleet, action.child, now)
        else:
            self._finish()

    def _finish(self) -> None:
        if self._fleet.losses.deaths:
            events.Master.left_unsettled()
        self._finished = True
