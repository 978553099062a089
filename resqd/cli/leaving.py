"""Waiting until a daemon has drained or stopped, told by its status alone."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from resqd.clock import Deadline

POLL_PAUSE = 0.2
"""Seconds between two looks at the daemon's status."""

Status = dict[str, Any]


class Outcome(Enum):
    """How the wait ended."""

    GONE = "gone"
    KILLED = "killed"
    RESUMED = "resumed"
    TIMED_OUT = "timed out"


def follow(
    poll: Callable[[], Status | None],
    *,
    pid: int,
    deadline: Deadline | None,
    show: Callable[[Status], None],
    sleep: Callable[[float], None],
) -> Outcome:
    """Wait for the end of the daemon `pid`; `poll` gives its status, or None when no daemon answers.

    KILLED means that it is gone and that jobs were stopped on its way. A daemon with another pid is a
    successor.
    """
    killed = False
    while (status := poll()) is not None and status["pid"] == pid:
        if status["state"] in ("running", "paused"):
            return Outcome.RESUMED
        killed = killed or (status["state"] == "stopping" and bool(jobs_in(status)))
        show(status)
        if deadline is not None and deadline.expired():
            return Outcome.TIMED_OUT
        sleep(POLL_PAUSE)
    return Outcome.KILLED if killed else Outcome.GONE


def jobs_in(status: Status) -> list[dict[str, Any]]:
    """The jobs that run, the longest running first."""
    threads = [thread for worker in status.get("workers", ()) for thread in worker.get("threads", ())]
    jobs = [thread["job"] for thread in threads if thread.get("job")]
    return sorted(jobs, key=lambda job: -float(job.get("running_s", 0)))
