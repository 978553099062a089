"""Commands, from signals or from resqctl, turned into intents and orders to kill."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterable

from resqd.clock import Clock
from resqd.errors import ResqdError
from resqd.master.child import Child
from resqd.master.plan import Fleet
from resqd.master.timeouts import Kills
from resqd.wire.birth import Kind
from resqd.wire.intent import Command, Intent, after
from resqd.wire.messages import Drain, KillJobs, Message, Pause, Resume, Stop

_log = logging.getLogger(__name__)

SCALE_MOST = 1024
"""The most workers that `scale` allows, the bound of WORKER_COUNT."""
MESSAGES: dict[Intent, Message] = {
    Intent.RUNNING: Resume(),
    Intent.PAUSED: Pause(),
    Intent.DRAINING: Drain(),
    Intent.STOPPING: Stop(),
}


class Helm:
    """Steers the fleet. Pausing by pause files is independent of pausing by command; either pauses."""

    def __init__(self, *, fleet: Fleet, kills: Kills, drain_timeout: float, clock: Clock) -> None:
        self._fleet = fleet
        self._kills = kills
        self._drain_timeout = drain_timeout
        self._clock = clock
        self._commanded = fleet.intent
        self.pause_file = ""
        self.drain_by: float | None = None

    def command(self, command: Command) -> None:
        """Carry out a command. A second STOP kills every worker at once."""
        again = command is Command.STOP and self._commanded is Intent.STOPPING
        self._commanded = after(self._commanded, command)
        self._steer()
        self._reach_all()
        if again:
            self._execute_all()
        elif command in (Command.STOP, Command.KILL_JOBS):
            self.kill_jobs(tell=command is Command.KILL_JOBS)

    def paused_by_file(self, path: str) -> None:
        """A pause file appeared, or, with an empty path, all are gone."""
        if path != self.pause_file:
            _log.info("paused: %s exists", path) if path else _log.info("the pause files are gone")
        self.pause_file = path
        self._steer()

    @property
    def commanded(self) -> Intent:
        """The intent by command alone, without pause files."""
        return self._commanded

    def pause_reasons(self) -> list[str]:
        """Why the daemon takes no jobs now."""
        commanded = ["command"] if self._commanded is Intent.PAUSED else []
        return commanded + ([self.pause_file] if self.pause_file else [])

    def kill_jobs(self, *, tell: bool) -> None:
        """Kill what runs now. The deadline is ours; the workers interrupt, told by a KillJobs or by a Stop."""
        now = self._clock()
        for child in self._workers():
            self._kills.order(child.fork, frozenset(child.page.running()), now)
            if tell:
                child.channel.send(KillJobs())

    def order(self, child: Child, token: int) -> None:
        """See to it that this token is off its thread within KILL_GRACE, its worker's own clock or not."""
        self._kills.order(child.fork, frozenset((token,)), self._clock())

    def scale(self, count: int) -> None:
        """Set the number of workers. Errors: ResqdError when it is out of bounds or the daemon is leaving."""
        if not 1 <= count <= SCALE_MOST:
            raise ResqdError(f"cannot scale to {count} workers: the number must be from 1 to {SCALE_MOST}")
        if self._fleet.leaving:
            raise ResqdError(f"cannot scale while {self._fleet.intent.value}")
        if count != self._fleet.worker_count:
            _log.info("scaling from %d to %d workers", self._fleet.worker_count, count)
            self._fleet.worker_count = count

    def nudge(self, delta: int) -> None:
        """One worker more or less, by a signal: what cannot be is said in the log."""
        try:
            self.scale(self._fleet.worker_count + delta)
        except ResqdError as error:
            _log.warning("%s", error)

    def tick(self, now: float) -> None:
        """Turn a drain that took too long into a stop."""
        if self.drain_by is not None and now >= self.drain_by:
            _log.warning("the drain took longer than %g s; stopping", self._drain_timeout)
            self.command(Command.STOP)

    def _steer(self) -> None:
        intent = self._commanded
        if intent is Intent.RUNNING and self.pause_file:
            intent = Intent.PAUSED
        if intent is not self._fleet.intent:
            _log.info("%s: was %s", intent.value, self._fleet.intent.value)
            self._fleet.intent = intent
        if intent is not Intent.DRAINING:
            self.drain_by = None
        elif self.drain_by is None:
            self.drain_by = self._clock() + self._drain_timeout

    def _reach_all(self) -> None:
        """Let a worker that was paused or resumed by a signal of its own hear the daemon's intent again."""
        either = (Intent.RUNNING.value, Intent.PAUSED.value)
        for child in self._workers():
            if child.state in either and child.told in either:
                child.told = child.state

    def _workers(self) -> Iterable[Child]:
        return [child for child in self._fleet.children if child.kind is not Kind.HOUSEKEEPER]

    def _execute_all(self) -> None:
        for child in self._workers():
            execute(child, for_jobs=child.page.running(), why="stopped twice")


def execute(child: Child, *, for_jobs: Iterable[int], why: str) -> None:
    """Kill a child's process at once, for the sake of these tokens; its other jobs will go back uncharged.

    It is our own child and not yet reaped, so its pid cannot be another's.
    """
    _log.warning("killing %s: %s", child.label, why)
    child.killed_for = frozenset(for_jobs) | (child.killed_for or frozenset())
    os.kill(child.pid, signal.SIGKILL)
