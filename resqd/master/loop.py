"""The master's loop: hear signals, children and clients, bury the dead, carry out the plan, sleep."""

from __future__ import annotations

import logging
import os
import select
import selectors
import signal
from collections.abc import Sequence

import psutil
from setproctitle import setproctitle

from resqd.clock import Clock
from resqd.master import timeouts
from resqd.master.child import Child
from resqd.master.children import Nursery
from resqd.master.commands.handlers import Desk
from resqd.master.commands.server import ControlServer, Request
from resqd.master.commands.steering import MESSAGES, Helm, execute
from resqd.master.inbox import Inbox
from resqd.master.ledger import Ledger
from resqd.master.lock import DaemonLock
from resqd.master.plan import Action, Fleet, Fork, Grant, Retire, Tell, next_at, plan
from resqd.master.reload import Reload
from resqd.master.signals import Signals
from resqd.master.status import title
from resqd.master.systemd import Notifier
from resqd.master.timeouts import Kills
from resqd.wire.intent import Command, Intent
from resqd.wire.messages import Ping

_log = logging.getLogger(__name__)

LONGEST_SLEEP = 5.0
FAULT_PAUSE = 0.5
"""Seconds until the next turn after one that failed, unless a signal comes: a fault that stays must not spin."""
TITLE_EVERY = 0.25
"""Seconds between two process titles while jobs run."""

_COMMANDS = {
    signal.SIGTERM: Command.STOP,
    signal.SIGINT: Command.STOP,
    signal.SIGQUIT: Command.DRAIN,
    signal.SIGUSR1: Command.KILL_JOBS,
    signal.SIGUSR2: Command.PAUSE,
    signal.SIGCONT: Command.CONTINUE,
}
_STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
_SCALES = {signal.SIGTTIN: 1, signal.SIGTTOU: -1}


class Master:
    """Runs the fleet until it is drained, stopped or, in a burst, out of work. It talks to the kernel only."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        nursery: Nursery,
        helm: Helm,
        inbox: Inbox,
        orders: Kills,
        ledger: Ledger,
        desk: Desk,
        server: ControlServer,
        notifier: Notifier,
        lock: DaemonLock,
        signals: Signals,
        limits: timeouts.Limits,
        selector: selectors.BaseSelector,
        prefix: str,
        reload: Reload,
        inherited: bool,
        parked: Sequence[Request],
        clock: Clock,
    ) -> None:
        self._fleet = fleet
        self._nursery = nursery
        self._helm = helm
        self._inbox = inbox
        self._orders = orders
        self._ledger = ledger
        self._desk = desk
        self._server = server
        self._notifier = notifier
        self._lock = lock
        self._signals = signals
        self._limits = limits
        self._selector = selector
        self._prefix = prefix
        self._reload = reload
        self._inherited = inherited
        self._parked = parked
        self._clock = clock
        self._finished = False
        self._look_at = 0.0
        self._title = ""
        self._title_at = 0.0

    def run(self) -> int:
        """Run until all is done; the exit status."""
        self._signals.install()
        self._selector.register(self._signals, selectors.EVENT_READ, self._signals)
        if self._inherited:
            self._notifier.bridged()
        else:
            self._server.start()
        self._act()
        self._notifier.ready()
        for request in self._parked:
            self._desk.handle(request)
        while not self._finished:
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - the loop's top: one fault must not end all workers
                _log.exception("a turn of the master's loop failed; going on")
                select.select([self._signals], [], [], FAULT_PAUSE)
        self._signals.leave()
        self._notifier.stopping()
        self._server.close()
        return 0

    def _turn(self) -> None:
        self._wait()
        self._handle_signals()
        self._nursery.reap()
        self._tick()
        self._act()

    # --- waiting

    def _wait(self) -> None:
        for key, events in self._selector.select(self._timeout()):
            if isinstance(key.data, Child):
                self._serve(key.data, events)
            elif key.data is not self._signals:
                self._server.ready(key, events)

    def _serve(self, child: Child, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            child.channel.flush()
        if events & selectors.EVENT_READ:
            self._nursery.hear(child)

    def _timeout(self) -> float:
        now = self._clock()
        moments = [
            now + LONGEST_SLEEP,
            self._look_at,
            self._nursery.alive_at,
            self._orders.next_at(),
            self._helm.drain_by,
            self._desk.next_at(),
            self._server.next_deadline(),
            self._notifier.next_deadline(),
            next_at(self._fleet, now),
            self._reload.next_at(),
        ]
        return max(0.0, min(moment for moment in moments if moment is not None) - now)

    def _handle_signals(self) -> None:
        for number in self._signals.take():
            if number is not signal.SIGCHLD:
                _log.info("got %s", number.name)
            if command := _COMMANDS.get(number):
                self._helm.command(command)
            elif number in _SCALES:
                self._helm.nudge(_SCALES[number])
            elif number is signal.SIGHUP:
                self._reload.begin(None)

    # --- what time asks for

    def _tick(self) -> None:
        now = self._clock()
        self._helm.tick(now)
        self._kill_stuck(now)
        if now >= self._look_at:
            self._look(now)
        self._desk.tick(now)
        self._server.tick(now)
        self._reload.tick(now)
        self._ledger.sample(now)
        self._show(now)
        self._notifier.tick(now)

    def _kill_stuck(self, now: float) -> None:
        """Carry out the last step of stopping jobs that are still on their threads."""
        children = {child.fork: child for child in self._fleet.children if child.working}
        pages = (
            {fork: child.page.running() for fork, child in children.items()} if self._orders.pending() else {}
        )
        for action in self._orders.due(pages, now):
            child = children[action.fork]
            if isinstance(action, timeouts.Retire):
                self._retire(child)
            else:
                execute(
                    child, for_jobs=action.tokens, why="a job that was to be stopped is still on its thread"
                )

    def _look(self, now: float) -> None:
        """Look at everybody for lateness and silence."""
        children = list(self._fleet.children)
        if self._look_at and now - self._look_at > timeouts.STALL:
            _log.warning("the master stood still for %.1f s", now - self._look_at)
            timeouts.forgive(children, now)
        self._look_at = now + timeouts.LOOK_EVERY
        self._nursery.reap_strangers(now)
        self._lock.keep()
        for child in children:
            if verdict := timeouts.overdue(child, self._limits, now):
                self._carry_out(verdict)
        silent = timeouts.silent(children, now)
        self._inbox.look(now)
        for child in silent:
            if (look := _look_at_process(child.pid)) is not None:
                self._carry_out(timeouts.judge(child, look, self._limits, now))

    def _carry_out(self, verdict: timeouts.Verdict) -> None:
        child = verdict.child
        if isinstance(verdict, timeouts.Ping):
            child.channel.send(Ping())
        elif isinstance(verdict, timeouts.Stop):
            _log.warning("%s %s; stopping it", child.label, verdict.why)
            self._tell(child, Intent.STOPPING)
        elif verdict.blamed:
            _log.warning("killing %s: it %s", child.label, verdict.why)
            os.kill(child.pid, signal.SIGKILL)  # not killed_for: its jobs are to blame
        else:
            execute(child, for_jobs=child.page.running() if verdict.for_jobs else (), why=f"it {verdict.why}")

    def _show(self, now: float) -> None:
        if now < self._title_at:
            return
        self._title_at = now + TITLE_EVERY
        text = title(prefix=self._prefix, fleet=self._fleet, per_second=self._ledger.per_second(now))
        if text != self._title:
            self._title = text
            setproctitle(text)
            self._notifier.status(text.partition(": ")[2])

    # --- the plan

    def _act(self) -> None:
        now = self._clock()
        for action in plan(self._fleet, now):
            self._do(action)
        self._nursery.tell_alive(now)
        for child in self._fleet.children:
            self._watch_channel(child)

    def _do(self, action: Action) -> None:
        if isinstance(action, Fork):
            self._nursery.fork(action)
        elif isinstance(action, Grant):
            action.child.order(action.slots, action.quotas)
        elif isinstance(action, Tell):
            self._tell(action.child, action.intent)
        elif isinstance(action, Retire):
            self._retire(action.child)
        else:
            self._finish()

    def _tell(self, child: Child, intent: Intent) -> None:
        """Send an intent down. The master's own clock bounds what follows: the child may be unable to answer."""
        leave_by = timeouts.leave_by(child, intent.value, self._limits, self._clock())
        if not child.channel.send(MESSAGES[intent]):  # said again by the next plan
            child.leave_by = child.leave_by or leave_by
            return
        child.told, child.leave_by = intent.value, leave_by
        if intent in (Intent.RUNNING, Intent.PAUSED):
            child.state = intent.value  # as it will say itself: its place must not look empty until then

    def _retire(self, child: Child) -> None:
        child.retiring, child.retiring_since = True, self._clock()
        _log.info("%s is to finish and leave", child.label)
        self._tell(child, Intent.DRAINING)

    def _finish(self) -> None:
        if self._fleet.unsettled:
            _log.warning(
                "leaving, though the jobs of dead workers are not back in their queues: redis does not answer"
            )
        self._finished = True

    def _watch_channel(self, child: Child) -> None:
        """Wait for a child to take what it has not taken yet."""
        key = self._selector.get_map().get(child.channel.fileno())
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.channel.pending else 0)
        if key is not None and key.events != wanted:
            self._selector.modify(child.channel, wanted, child)


def _look_at_process(pid: int) -> timeouts.Look | None:
    """What the kernel says of a child; None when it is gone already, or there is no descriptor left to look."""
    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        return timeouts.Look(times.user + times.system, process.status() in _STOPPED)
    except (psutil.Error, OSError):
        return None
