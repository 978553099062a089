"""Carrying out commands, whoever gives them, signals, resqctl, the plan or the clock, until workers confirm them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field

from resqd import events
from resqd.clock import Clock
from resqd.errors import ResqdError
from resqd.master.child import LEAVING, Child
from resqd.master.commands.server import Request
from resqd.master.fleet import Fleet
from resqd.master.naming import named
from resqd.master.timeouts import leave_by
from resqd.wire.birth import Kind
from resqd.wire.intent import MESSAGES, Command, Intent
from resqd.wire.messages import Confirm, Confirmed, KillJobs

SCALE_MOST = 1024
"""The most workers that `scale` allows, the bound of WORKER_COUNT."""
CONFIRM_TIMEOUT = 1.0
"""Seconds that the workers have to confirm; what was ordered stands, whether they have or not."""

_FULFILLED = {
    Intent.RUNNING: LEAVING | {Intent.RUNNING},  # one that leaves is not called back for it
    Intent.PAUSED: LEAVING | {Intent.PAUSED},
    Intent.DRAINING: LEAVING,
}
"""By what was ordered, the states in which a worker has done it."""


def command(fleet: Fleet, asked: Command, now: float, *, by: str) -> None:
    """Carry out a command; `by` says in the log who gave it. A second STOP kills every worker at once."""
    again = asked is Command.STOP and fleet.orders.commanded is Intent.STOPPING
    if not again:
        _announce(fleet, asked, by)
    fleet.orders.command(asked, now)
    _reach_all(fleet)
    if again:
        for child in fleet.working():
            convicted = () if fleet.spares(child) else child.page.running()
            execute(child, for_jobs=convicted, why=f"stopped twice, by {by}")
    elif asked in (Command.STOP, Command.KILL_JOBS):
        _kill_jobs(fleet, now, tell=asked is Command.KILL_JOBS)


def end(fleet: Fleet, now: float, *, by: str) -> None:
    """TERM or Ctrl-C came: do what RESQD_TERM makes of it."""
    command(fleet, fleet.orders.ending.command(), now, by=by)


def _announce(fleet: Fleet, asked: Command, by: str) -> None:
    """Say which jobs a command waits for, or kills, what becomes of them, and what would spare them."""
    running = [job for child in fleet.working() for job in child.page.jobs()]
    if not running:
        return
    count, jobs = len(running), named(running)
    if asked is Command.KILL_JOBS:
        events.Master.jobs_killed(by=by, count=count, jobs=jobs)
    elif asked is Command.DRAIN and fleet.intent not in LEAVING:
        events.Master.drain_waits(by=by, count=count, jobs=jobs, seconds=fleet.orders.drain_timeout)
    elif asked is not Command.STOP:
        return
    elif fleet.settings.term == "requeue":
        events.Master.stop_requeues(by=by, count=count, jobs=jobs)
    elif fleet.intent is Intent.DRAINING:
        events.Master.drain_kills(by=by, count=count, jobs=jobs)
    else:
        events.Master.stop_kills(by=by, count=count, jobs=jobs)


def scale(fleet: Fleet, count: int) -> None:
    """Set the number of workers. Errors: ResqdError when it is out of bounds or the daemon is leaving."""
    if not 1 <= count <= SCALE_MOST:
        raise ResqdError(f"cannot scale to {count} workers: the number must be from 1 to {SCALE_MOST}")
    if count < fleet.settings.shards:
        raise ResqdError(f"cannot scale to {count} workers: each of {fleet.settings.shards} shards needs one")
    if fleet.leaving:
        raise ResqdError(f"cannot scale while {fleet.intent.value}")
    if count != fleet.worker_count:
        events.Master.scaled(before=fleet.worker_count, after=count)
        fleet.worker_count = count


def nudge(fleet: Fleet, delta: int) -> None:
    """One worker more or less, by a signal: what cannot be is said in the log."""
    try:
        scale(fleet, fleet.worker_count + delta)
    except ResqdError as error:
        events.Master.not_scaled(why=str(error))


def end_long_drain(fleet: Fleet, now: float) -> None:
    """Turn a drain that took too long into a stop."""
    if fleet.orders.drain_by is not None and now >= fleet.orders.drain_by:
        events.Master.drain_too_long(seconds=fleet.orders.drain_timeout)
        command(fleet, Command.STOP, now, by="DRAIN_TIMEOUT")


def tell(fleet: Fleet, child: Child, intent: Intent, now: float) -> None:
    """Send an intent down. The master's own clock bounds what follows: the child may be unable to answer."""
    by = leave_by(child, intent, fleet.settings.limits, now)
    if not child.channel.send(MESSAGES[intent]):  # said again by the next plan
        child.demands.leave_by = child.demands.leave_by or by
        return
    child.demands.told, child.demands.leave_by = intent, by
    if intent not in LEAVING:
        child.life.state = intent  # as it will say itself: its place must not look empty until then


def retire(fleet: Fleet, child: Child, now: float) -> None:
    """Let a child finish its jobs and leave, whatever the daemon's intent is."""
    child.demands.retiring_since = now
    events.Master.retired(child=child.label)
    tell(fleet, child, Intent.DRAINING, now)


def execute(child: Child, *, for_jobs: Iterable[int], why: str) -> None:
    """Kill a child's process at once, for the sake of these tokens; its other jobs will go back uncharged.

    It is our own child and not yet reaped, so its pid cannot be another's.
    """
    events.Master.killing(child=child.label, why=why, jobs=named(child.page.jobs()) or "no job")
    child.demands.killed_for = frozenset(for_jobs) | (child.demands.killed_for or frozenset())
    os.kill(child.pid, signal.SIGKILL)


def _kill_jobs(fleet: Fleet, now: float, *, tell: bool) -> None:
    """Kill what runs now. The deadline is ours; the workers interrupt, told by a KillJobs or by a Stop."""
    for child in fleet.working():
        tokens = frozenset(child.page.running())
        fleet.kills.order(child.fork, tokens, now, spare=fleet.spares(child))
        if tell:
            child.channel.send(KillJobs())


def _reach_all(fleet: Fleet) -> None:
    """Let a worker that was paused or resumed by a signal of its own hear the daemon's intent again."""
    for child in fleet.working():
        if child.life.state not in LEAVING and child.demands.told not in LEAVING:
            child.demands.told = child.life.state


@dataclass(slots=True)
class _Wait:
    request: Request
    intent: Intent
    number: int
    until: float
    missing: dict[int, Child]
    sent: set[int] = field(default_factory=set)
    """The forks that were asked to confirm; only those that were told the intent before can be."""


class Confirmations:
    """Asks each worker after it was told, and answers the client when all have confirmed, or time is up."""

    def __init__(self, *, fleet: Fleet, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock
        self._waits: list[_Wait] = []
        self._numbers = 0

    @property
    def pending(self) -> bool:
        """Whether a client waits."""
        return bool(self._waits)

    def begin(self, request: Request, intent: Intent) -> None:
        """Answer when the workers of this moment follow `intent`; those to come are born with it."""
        self._numbers += 1
        missing = {child.fork: child for child in self._fleet.working()}
        self._waits.append(_Wait(request, intent, self._numbers, self._clock() + CONFIRM_TIMEOUT, missing))

    def confirmed(self, child: Child, answer: Confirmed) -> None:
        """A worker's answer. One that a signal of its own took elsewhere meanwhile is told, and asked, again."""
        child.life.ended = child.life.ended or answer.request == 0
        state = Intent(answer.state)
        for wait in self._waits:
            if wait.number != answer.request:
                continue
            if state in _FULFILLED[wait.intent]:
                wait.missing.pop(child.fork, None)
            else:
                child.life.state = child.demands.told = state
                wait.sent.discard(child.fork)

    def tick(self, now: float) -> None:
        """Ask whom the plan has told by now, and answer what is settled."""
        for wait in self._waits:
            self._ask(wait)
        self._waits = [wait for wait in self._waits if not self._answered(wait, now)]

    def next_at(self) -> float | None:
        """When `tick` has something to do: at once where a worker has been told and not been asked."""
        ready = any(self._to_ask(wait) for wait in self._waits)
        return self._clock() if ready else min((wait.until for wait in self._waits), default=None)

    def _ask(self, wait: _Wait) -> None:
        wait.missing = {fork: child for fork, child in wait.missing.items() if not self._excused(child, wait)}
        for child in self._to_ask(wait):
            if child.channel.send(Confirm(wait.number)):
                wait.sent.add(child.fork)

    def _to_ask(self, wait: _Wait) -> list[Child]:
        fulfilled = _FULFILLED[wait.intent]
        return [
            child
            for child in wait.missing.values()
            if child.fork not in wait.sent and child.demands.told in fulfilled and not child.channel.pending
        ]

    def _excused(self, child: Child, wait: _Wait) -> bool:
        """Whether there is nothing to confirm: the worker is gone, at its end, or will run no job any more."""
        if child not in self._fleet.children or child.life.exiting is not None or child.life.ended:
            return True
        if wait.intent is Intent.RUNNING:
            beyond = child.kind is Kind.WORKER and child.index >= self._fleet.worker_count
            return child.retiring or beyond
        return child.grants.slots > 0 and child.grants.active == 0

    def _answered(self, wait: _Wait, now: float) -> bool:
        state = self._fleet.intent.value
        if self._fleet.intent is not wait.intent:
            why = f"{wait.intent.value}, and by another command {state} before every worker had confirmed"
            wait.request.reply({"ok": False, "error": why, "state": state})
        elif not wait.missing:
            wait.request.reply({"ok": True, "state": state})
        elif now >= wait.until:
            wait.request.reply({"ok": False, "error": _unconfirmed(wait), "state": state})
        else:
            return False
        return True


def _unconfirmed(wait: _Wait) -> str:
    names = ", ".join(
        child.label + ("" if child.life.booted else ", which is still booting")
        for child in wait.missing.values()
    )
    one = len(wait.missing) == 1
    may = "" if wait.intent is Intent.RUNNING else f": {'it' if one else 'they'} may still begin jobs"
    return (
        f"{wait.intent.value}, but not confirmed within {CONFIRM_TIMEOUT:g} s by {names}{may}; "
        "the order stands"
    )
