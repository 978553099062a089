"""What a daemon or a worker is meant to do, and how each command changes it; the same rule for both."""

from __future__ import annotations

from enum import Enum


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
