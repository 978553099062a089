"""What a daemon or a worker is meant to do, how each command changes it, and how commands come: one table for each way.

The master and its workers go by the same rules and the same tables.
"""

from __future__ import annotations

import signal
from enum import Enum

from resqd.wire.messages import Drain, Message, Pause, Resume, Stop


class Intent(Enum):
    """The four states that `status` shows."""

    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"
    STOPPING = "stopping"


class Command(Enum):
    """What a signal or resqctl asks for."""

    PAUSE = "pause"
    CONTINUE = "continue"  # the signal CONT
    RESUME = "resume"  # resqctl: the same, but it also takes back a drain
    DRAIN = "drain"
    STOP = "stop"
    KILL_JOBS = "kill-jobs"


SIGNALS = {
    signal.SIGTERM: Command.STOP,
    signal.SIGQUIT: Command.DRAIN,
    signal.SIGUSR1: Command.KILL_JOBS,
    signal.SIGUSR2: Command.PAUSE,
    signal.SIGCONT: Command.CONTINUE,
}
"""What each signal asks of the master, and of one worker alone."""
CALLS = {command.value: command for command in Command if command is not Command.CONTINUE}
"""Commands by their names on the control socket."""
MESSAGES: dict[Intent, Message] = {
    Intent.RUNNING: Resume(),
    Intent.PAUSED: Pause(),
    Intent.DRAINING: Drain(),
    Intent.STOPPING: Stop(),
}
"""How the master tells a worker what it is meant to do."""
COMMANDS: dict[type[Message], Command] = {
    Resume: Command.RESUME,
    Pause: Command.PAUSE,
    Drain: Command.DRAIN,
    Stop: Command.STOP,
}
"""What such a message asks of the worker."""


class Ending:
    """What TERM and Ctrl-C mean to a process, by RESQD_TERM: the first one may drain, and the next one stops."""

    def __init__(self, term: str) -> None:
        self._gently = term != "stop"
        self._asked = False

    def command(self) -> Command:
        """What one more of them asks for. Commands that drain are no such signal: a preStop hook may give one."""
        again, self._asked = self._asked, True
        return Command.DRAIN if self._gently and not again else Command.STOP

    def taken_back(self) -> None:
        """The process goes on after all: the next one is the first."""
        self._asked = False


_AFTER = {
    (Intent.RUNNING, Command.PAUSE): Intent.PAUSED,
    (Intent.PAUSED, Command.CONTINUE): Intent.RUNNING,
    (Intent.PAUSED, Command.RESUME): Intent.RUNNING,
    (Intent.PAUSED, Command.KILL_JOBS): Intent.RUNNING,
    (Intent.DRAINING, Command.RESUME): Intent.RUNNING,
    (Intent.RUNNING, Command.DRAIN): Intent.DRAINING,
    (Intent.PAUSED, Command.DRAIN): Intent.DRAINING,
}


def after(intent: Intent, command: Command) -> Intent:
    """The intent after a command. A stop is irrevocable; a drain yields to a stop or to RESUME only.

    CONTINUE leaves a drain alone: systemd and other supervisors send CONT right after every stop signal.
    """
    if command is Command.STOP:
        return Intent.STOPPING
    return _AFTER.get((intent, command), intent)
