"""What is told of jobs, in both directions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """What a job has told of itself: so many of `total` are done (0: not known), and a note."""

    done: float
    total: float
    note: str


@dataclass(frozen=True, slots=True)
class Running:
    """A job on a thread, its names as they are shown. `since` is in seconds of the system's monotonic clock.

    `progress` is empty where the job has told none, else it is one.
    """

    thread: int
    token: int
    job_id: str
    job_class: str
    queue: str
    since: float
    payload: bytes
    progress: tuple[Progress, ...] = ()


@dataclass(frozen=True, slots=True)
class JobMetrics:
    """What happened to jobs of one class since the last report; times in milliseconds."""

    job_class: str
    started: int
    succeeded: int
    failed: int
    run_ms: tuple[float, ...]
    wait_ms: tuple[float, ...]
    retried: int = 0
    discarded: int = 0
    expired: int = 0
    timeouts: int = 0
