"""Watches over the children: looks at each of them once a second, and carries out what timeouts decides."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from resqd import events
from resqd.master import timeouts
from resqd.master.child import NO_SILENCE, Child
from resqd.master.commands import steering
from resqd.master.deaths import Strangers
from resqd.master.fleet import Fleet
from resqd.master.inbox import Inbox
from resqd.master.lock import DaemonLock
from resqd.master.naming import named
from resqd.master.overruns import Overruns, Seen
from resqd.wire.intent import Intent
from resqd.wire.messages import Ping

_STOPPED = (b"T", b"t")
_STATE, _USER, _SYSTEM = 0, 11, 12
"""Where they stand in proc(5)'s stat, behind the name."""
_TICKS = os.sysconf("SC_CLK_TCK")


class Watch:
    """Nobody is late, silent or stuck for long without a consequence."""

    def __init__(self, *, fleet: Fleet, inbox: Inbox, lock: DaemonLock) -> None:
        self._fleet = fleet
        self._inbox = inbox
        self._lock = lock
        self._strangers = Strangers()
        self._overruns = Overruns(fleet.settings.limits.kill_grace)
        self._look_at = 0.0

    def next_at(self) -> float:
        """When `tick` has something to do."""
        kills = self._fleet.kills.next_at()
        return self._look_at if kills is None else min(self._look_at, kills)

    def tick(self, now: float) -> None:
        """Kill what stands in the way, and look at everybody when it is time."""
        self._kill_stuck(now)
        if now >= self._look_at:
            self._look(now)

    def _kill_stuck(self, now: float) -> None:
        """Carry out the last step of stopping jobs that are still on their threads."""
        kills = self._fleet.kills
        if not kills.busy:
            return
        children = {child.fork: child for child in self._fleet.working()}
        for action in kills.due({fork: child.page.running() for fork, child in children.items()}, now):
            child = children[action.fork]
            if isinstance(action, timeouts.Cordon):
                steering.retire(self._fleet, child, now)
            else:
                steering.execute(
                    child, for_jobs=action.tokens, why="a job that was to be stopped is still on its thread"
                )

    def _look(self, now: float) -> None:
        children, limits = list(self._fleet.children), self._fleet.settings.limits
        if self._look_at and now - self._look_at > timeouts.STALL:
            events.Master.stood_still(seconds=now - self._look_at)
            for child in children:
                child.account.heard = now  # it was the master that did not listen: nobody's silence counts
        self._look_at = now + timeouts.LOOK_EVERY
        self._reap_strangers(now)
        self._lock.keep()
        for child in children:
            if remedy := timeouts.overdue(child, limits, now):
                self._carry_out(remedy, now)
        self._inbox.look(now)
        self._end_overruns(now)
        for child in children:
            self._listen_for(child, now)

    def _end_overruns(self, now: float) -> None:
        """Kill the processes of jobs whose time is over, where the worker cannot interrupt them."""
        children = {child.fork: child for child in self._fleet.working()}
        workers = [
            Seen(fork, child.account.heard, frozenset(child.page.running()), child.page.overdue(now))
            for fork, child in children.items()
        ]
        for overrun in self._overruns.look(workers, now):
            child = children[overrun.fork]
            look = _look_at_process(child.pid)
            if look is None or look.stopped:
                continue  # whoever has stopped it will let it go on, and it can then speak for itself
            if overrun.culprit is not None:
                child.demands.late |= {overrun.culprit}
                why = "its job holds on beyond its timeout, and lets nobody else speak"
                steering.execute(child, for_jobs=(overrun.culprit,), why=why)
            else:
                why = "a job holds on beyond its timeout, and lets nobody else speak: it may be any of those that run"
                events.Master.killing(child=child.label, why=why, jobs=named(child.page.jobs()))
                os.kill(child.pid, signal.SIGKILL)  # not killed_for: they are suspects

    def _reap_strangers(self, now: float) -> None:
        """In a container, and wherever else orphans come to this process, leave no zombies of jobs' processes."""
        if count := self._strangers.reap({child.pid for child in self._fleet.children}, now):
            events.Master.strangers_reaped(count=count)

    def _listen_for(self, child: Child, now: float) -> None:
        if not timeouts.silent(child, now):
            child.silence = NO_SILENCE
        elif (look := _look_at_process(child.pid)) is not None:
            child.silence, remedy = timeouts.judge(child, look, self._fleet.settings.limits, now)
            self._carry_out(remedy, now)

    def _carry_out(self, remedy: timeouts.Remedy, now: float) -> None:
        child = remedy.child
        if isinstance(remedy, timeouts.Probe):
            child.channel.send(Ping())
        elif isinstance(remedy, timeouts.CutDrain):
            events.Master.stopping(child=child.label, why=remedy.why)
            steering.tell(self._fleet, child, Intent.STOPPING, now)
        elif remedy.blamed:
            jobs = named(child.page.jobs()) or "no job"
            events.Master.killing(child=child.label, why=f"it {remedy.why}", jobs=jobs)
            os.kill(child.pid, signal.SIGKILL)  # not killed_for: its jobs are to blame
        else:
            convicted = child.page.running() if remedy.for_jobs and not self._fleet.spares(child) else ()
            steering.execute(child, for_jobs=convicted, why=f"it {remedy.why}")


def _look_at_process(pid: int) -> timeouts.Look | None:
    """What the kernel says of a child; None when it is gone already, or there is no descriptor left to look."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    facts = stat.rpartition(b")")[2].split()  # the name before may hold spaces and brackets
    return timeouts.Look((int(facts[_USER]) + int(facts[_SYSTEM])) / _TICKS, facts[_STATE] in _STOPPED)
