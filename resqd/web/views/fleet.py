"""What runs, and on which hosts: tables of jobs and daemons, and the map of threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resqd.text import progress_text
from resqd.web.views.queues import span_of
from resqd.web.views.states import State, of_host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.web.data.masks import Masks
    from resqd.web.data.snapshot import Host, Running, Snapshot

ROWS: Final = 50
HOSTS: Final = 100
LONG: Final = 60.0
"""Seconds after which a job's age is marked, while nothing tells how long it usually takes."""
_MAPPED: Final = 20
_MOST_CELLS: Final = 128


@dataclass(frozen=True, slots=True)
class RunningRow:
    """One running job as a row."""

    job: Running
    age: float | None
    line: str
    long: bool

    @property
    def progress(self) -> str:
        """How far the job says that it is; empty where it says nothing."""
        told = self.job.status.progress
        return progress_text(*told) if told else ""


def age_of(job: Running, now: float) -> float | None:
    """For how many seconds it has run, as far as it is told."""
    return None if job.since is None else max(0.0, now - job.since)


def running_row(job: Running, masks: Masks, now: float) -> RunningRow:
    """A running job as a row."""
    age = age_of(job, now)
    return RunningRow(job, age, masks.line(job.job_class, job.args), age is not None and age > LONG)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which running jobs are shown; what is empty means all."""

    text: str = ""
    queue: str = ""
    host: str = ""
    over: float = 0.0

    @property
    def narrow(self) -> bool:
        """Whether anything is left out."""
        return bool(self.text or self.queue or self.host or self.over)

    def matches(self, job: Running, masks: Masks, now: float) -> bool:
        """Whether a job is meant. Its arguments are written out only where a text is sought in them."""
        return (
            self.queue in {"", job.queue}
            and self.host in {"", job.worker.id.host}
            and (not self.over or (age_of(job, now) or 0.0) > self.over)
            and (not self.text or self.text.casefold() in _said(job, masks))
        )


def _said(job: Running, masks: Masks) -> str:
    return f"{job.job_class} {masks.line(job.job_class, job.args)} {job.job_id or ''}".casefold()


@dataclass(frozen=True, slots=True)
class Cell:
    """A thread on the map: where, and in which colour; None where it is idle."""

    x: int
    colour: str | None


def cells(host: Host, now: float) -> list[Cell]:
    """A host's threads, the busy ones first in each worker that is known to run something."""
    by_pid: dict[int, list[Running]] = {}
    for job in host.running:
        by_pid.setdefault(job.pid, []).append(job)
    size, workers = host.worker.id.thread_count or 1, host.worker.id.worker_count or 1
    groups = [by_pid[pid] for pid in sorted(by_pid)]
    groups += [[] for _ in range(workers - len(groups))]
    drawn: list[Cell] = []
    x = 0
    for group in groups:
        for at in range(max(size, len(group))):
            if len(drawn) >= _MOST_CELLS:
                return drawn
            drawn.append(Cell(x, _colour(group[at], host, now) if at < len(group) else None))
            x += 12
        x += 8
    return drawn


def _colour(job: Running, host: Host, now: float) -> str:
    if host.silent:
        return "ended"
    return "retry" if job.since is not None and now - job.since > LONG else "running"


@dataclass(frozen=True, slots=True)
class HostRow:
    """One daemon, or Ruby worker, as a row."""

    host: Host
    state: State
    cells: list[Cell]

    @property
    def width(self) -> int:
        """How wide its map is."""
        return self.cells[-1].x + 10 if self.cells else 10

    @property
    def shown(self) -> int:
        """How many of its threads the map shows."""
        return len(self.cells)

    @property
    def label(self) -> str:
        """The map in words."""
        busy = len(self.host.running)
        return f"{busy} running, {max(0, self.host.threads - busy)} idle"


def host_row(host: Host, now: float) -> HostRow:
    """A daemon as a row."""
    return HostRow(host, of_host(host), cells(host, now))


def running(look: Snapshot, masks: Masks, wanted: Wanted, *, start: int) -> dict[str, object]:
    """What the page of running jobs shows."""
    found = [job for job in look.running if wanted.matches(job, masks, look.now)]
    shown = [running_row(job, masks, look.now) for job in found[start : start + ROWS]]
    busiest = sorted(look.hosts, key=lambda host: (not host.silent, -len(host.running)))
    return {
        "rows": shown,
        "span": span_of(start, len(shown), len(found), ROWS),
        "total": len(look.running),
        "threads": look.threads,
        "wanted": wanted,
        "map": [host_row(host, look.now) for host in busiest[:_MAPPED] if host.running],
        "queues": sorted({job.queue for job in look.running})[:HOSTS],
        "hosts": sorted({host.worker.id.host for host in look.hosts})[:HOSTS],
        "silent": [host for host in look.hosts if host.silent][:3],
    }


def hosts(look: Snapshot, *, start: int) -> dict[str, object]:
    """What the page of hosts shows."""
    shown = look.hosts[start : start + HOSTS]
    return {
        "rows": [host_row(host, look.now) for host in shown],
        "span": span_of(start, len(shown), len(look.hosts), HOSTS),
        "threads": look.threads,
        "busy": len(look.running),
        "ours": sum(host.worker.ours and not host.silent for host in look.hosts),
    }


@dataclass(frozen=True, slots=True)
class WorkerRows:
    """One worker process with what its threads run."""

    pid: int
    rows: list[RunningRow]


def host(found: Host, masks: Masks, now: float) -> dict[str, object]:
    """What the page of one daemon shows: its worker processes, and the threads of each."""
    by_pid: dict[int, list[Running]] = {}
    for job in sorted(found.running, key=lambda job: job.since or now)[:200]:
        by_pid.setdefault(job.pid, []).append(job)
    return {
        "host": found,
        "row": host_row(found, now),
        "workers": [_worker(pid, by_pid[pid], masks, now) for pid in sorted(by_pid)],
        "idle": max(0, (found.worker.id.worker_count or 1) - len(by_pid)),
    }


def _worker(pid: int, jobs: Sequence[Running], masks: Masks, now: float) -> WorkerRows:
    return WorkerRows(pid, [running_row(job, masks, now) for job in jobs])
