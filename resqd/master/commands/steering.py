"""Carrying out commands, whoever gives them: by signal, by resqctl, by the plan, or because time is up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

from resqd import events
from resqd.errors import ResqdError
from resqd.master.child import LEAVING, Child
from resqd.master.fleet import Fleet
from resqd.master.timeouts import leave_by
from resqd.wire.intent import MESSAGES, Command, Intent
from resqd.wire.messages import KillJobs

SCALE_MOST = 1024
"""The most workers that `scale` allows, the bound of WORKER_COUNT."""


def command(fleet: Fleet, asked: Command, now: float) -> None:
    """Carry out a command. A second STOP kills every worker at once."""
    again = asked is Command.STOP and fleet.orders.commanded is Intent.STOPPING
    fleet.orders.command(asked, now)
    _reach_all(fleet)
    if again:
        for child in fleet.working():
            execute(child, for_jobs=child.page.running(), why="stopped twice")
    elif asked in (Command.STOP, Command.KILL_JOBS):
        _kill_jobs(fleet, now, tell=asked is Command.KILL_JOBS)


def scale(fleet: Fleet, count: int) -> None:
    """Set the number of workers. Errors: ResqdError when it is out of bounds or the daemon is leaving."""
    if not 1 <= count <= SCALE_MOST:
        raise ResqdError(f"cannot scale to {count} workers: the number must be from 1 to {SCALE_MOST}")
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
        command(fleet, Command.STOP, now)


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
    events.Master.killing(child=child.label, why=why)
    child.demands.killed_for = frozenset(for_jobs) | (child.demands.killed_for or frozenset())
    os.kill(child.pid, signal.SIGKILL)


def _kill_jobs(fleet: Fleet, now: float, *, tell: bool) -> None:
    """Kill what runs now. The deadline is ours; the workers interrupt, told by a KillJobs or by a Stop."""
    for child in fleet.working():
        fleet.kills.order(child.fork, frozenset(child.page.running()), now)
        if tell:
            child.channel.send(KillJobs())


def _reach_all(fleet: Fleet) -> None:
    """Let a worker that was paused or resumed by a signal of its own hear the daemon's intent again."""
    for child in fleet.working():
        if child.life.state not in LEAVING and child.demands.told not in LEAVING:
            child.demands.told = child.life.state
