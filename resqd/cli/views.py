"""What people see of a daemon, at one look and while they wait. Of resqctl only this module imports rich."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from resqd.cli.client import Status, jobs_in
from resqd.text import escaped, progress_text

_STATE_STYLES = {"running": "green", "paused": "yellow", "draining": "yellow", "stopping": "red"}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_NAMED = 3
_PIPE_WIDTH = 200
_LINE_PAUSE = 5.0
"""Seconds between two lines that say what a drain waits for, where there is no terminal."""


def console() -> Console:
    """Standard output; coloured on a terminal only, and not cut at 80 columns in a pipe."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False)


def printable(value: object) -> str:
    """Text from elsewhere (job classes, queues, errors), safe for a terminal: control characters are escaped."""
    return escaped(str(value))


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.4s, 12s, 3m 05s, 2h 07m, 5d 03h."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    for size, unit, smaller, smaller_unit in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // smaller:02}{smaller_unit}"
    return f"{whole}s"


def size(count: float) -> str:
    """Bytes in binary units."""
    for unit in _UNITS[:-1]:
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {_UNITS[-1]}"


def job_line(job: dict[str, Any]) -> str:
    """One running job: its class, id and time, and how far it is where it says so."""
    told = job.get("progress")
    far = f" {progress_text(told['done'], told['total'], told['note'])}" if told else ""
    name = f"{printable(job.get('class'))} {printable(job.get('id'))}"
    return f"{name} {duration(job.get('running_s', 0))}{printable(far)}"


def job_names(jobs: Sequence[dict[str, Any]], most: int = _NAMED) -> str:
    """The first jobs in full, and how many more there are."""
    names = ", ".join(job_line(job) for job in jobs[:most])
    return names if len(jobs) <= most else f"{names} (+{len(jobs) - most})"


def status_view(status: Status) -> RenderableType:
    """The whole status: a headline, the workers, the housekeeper."""
    return Group(headline(status), *_order(status), *remarks(status), _workers(status), _housekeeper(status))


def _order(status: Status) -> list[Text]:
    """The queues, where they do not come in strict order."""
    settings = status.get("settings") or {}
    order = settings.get("order", "strict")
    queues = ",".join(printable(queue) for queue in settings.get("queues") or ())
    return [] if order == "strict" else [Text(f"queues {printable(order)}: {queues}")]


def headline(status: Status) -> Text:
    """A daemon in a line: what it is, for how long, and what it has done."""
    state, totals = str(status["state"]), status["totals"]
    line = Text(f"{printable(status['name'])}  resqd {printable(status['version'])}  ")
    line.append(state, style=_STATE_STYLES.get(state, ""))
    line.append(f"  pid {status['pid']}  up {duration(status['uptime_s'])}")
    counted = [(name, totals.get(name, 0)) for name in ("retried", "timeouts", "discarded", "expired")]
    others = "".join(f"  {count:,} {name}" for name, count in counted if count)
    line.append(f"  {totals['processed']:,} processed  {totals['failed']:,} failed{others}")
    line.append(f"  {totals['per_second']:,.0f}/s")
    return line


def remarks(status: Status) -> list[Text]:
    """What keeps it from running jobs: pauses, and threads that are missing."""
    found = [f"paused: {printable(reason)}" for reason in status.get("pause_reasons") or ()]
    found += [f"paused queue: {printable(queue)}" for queue in status.get("paused_queues") or ()]
    for worker in status["workers"]:
        if missing := worker.get("threads_missing"):
            found.append(f"worker {worker['index']}: {missing} of its threads missing; the log says why")
    return [Text(remark, style="yellow") for remark in found]


def _workers(status: Status) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("worker", "pid", "state", "jobs", "memory", "cpu", "threads", "running"):
        table.add_column(
            title, justify="right" if title in ("pid", "jobs", "memory", "cpu", "threads") else "left"
        )
    for worker in status["workers"]:
        table.add_row(*_worker_cells(worker))
    return table


def _worker_cells(worker: dict[str, Any]) -> list[Text]:
    jobs = jobs_in({"workers": [worker]})
    state = printable(worker["state"])
    permits = f"/{worker['jobs_per_fork']:,}" if worker["jobs_per_fork"] else ""
    running = job_names(jobs)
    if not jobs and worker.get("last_exit"):
        running = f"last exit: {printable(worker['last_exit'])}"
    return [
        Text(str(worker["index"])),
        Text(str(worker["pid"] or "-")),
        Text(
            state if worker.get("booted", True) else f"{state} (booting)", style=_STATE_STYLES.get(state, "")
        ),
        Text(f"{worker['jobs_done']:,}{permits}"),
        Text(size(worker["rss_bytes"])),
        Text(f"{worker['cpu_percent']:.0f}%"),
        Text(f"{len(jobs)}/{len(worker['threads'])}"),
        Text(running),
    ]


def _housekeeper(status: Status) -> Text:
    housekeeper = status["housekeeper"]
    line = Text(f"housekeeper  {housekeeper['pid'] or '-'}  {printable(housekeeper['state'])}  redis: ")
    line.append(printable(housekeeper["redis"]), style="green" if housekeeper["redis"] == "ok" else "red")
    return line


def watch(poll: Callable[[], Status], *, sleep: Callable[[], None]) -> None:
    """Show the status again and again, until `poll` or `sleep` raises; in place on a terminal."""
    out = console()
    if not out.is_terminal:
        while True:
            out.print(status_view(poll()))
            sleep()
    with Live(console=out, auto_refresh=False, screen=False) as live:
        while True:
            live.update(status_view(poll()), refresh=True)
            sleep()


def leaving_line(status: Status) -> str:
    """What a drain or a stop still waits for."""
    jobs = jobs_in(status)
    if jobs:
        return job_names(jobs)
    workers = [worker for worker in status["workers"] if worker["pid"]]
    return f"{len(workers)} workers to exit" if workers else "the daemon to exit"


class LeavingView:
    """Progress of a drain or a stop: a bar on a terminal, else a line whenever the waiting changes."""

    def __init__(self, verb: str) -> None:
        self._console = console()
        self._verb = verb
        self._most = 0
        self._last = ("", 0.0)
        columns = [
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("jobs ended"),
        ]
        waiting = TextColumn("{task.fields[waiting]}", markup=False)
        self._progress = Progress(
            *columns, TimeElapsedColumn(), waiting, console=self._console, transient=True
        )
        self._task = self._progress.add_task(verb, total=None, waiting="")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def show(self, status: Status) -> None:
        """Show what is left now."""
        jobs = len(jobs_in(status))
        self._most = max(self._most, jobs)
        waiting = f"waiting for {leaving_line(status)}"
        if self._console.is_terminal:
            self._progress.update(self._task, total=self._most, completed=self._most - jobs, waiting=waiting)
        else:
            self._print(f"{self._verb}: {self._most - jobs} of {self._most} jobs ended, {waiting}")

    def _print(self, line: str) -> None:
        last, at = self._last
        if line != last and monotonic() - at >= _LINE_PAUSE:
            self._console.print(line)
            self._last = (line, monotonic())
