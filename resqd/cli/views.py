"""What people see of a daemon at one look, as tables. Of resqctl only this module and `live` import rich."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from resqd.cli.leaving import Status, jobs_in
from resqd.text import escaped

_STATE_STYLES = {"running": "green", "paused": "yellow", "draining": "yellow", "stopping": "red"}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_NAMED = 3
_PIPE_WIDTH = 200


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
    """One running job: its class, id and time."""
    return f"{printable(job.get('class'))} {printable(job.get('id'))} {duration(job.get('running_s', 0))}"


def job_names(jobs: Sequence[dict[str, Any]], most: int = _NAMED) -> str:
    """The first jobs in full, and how many more there are."""
    names = ", ".join(job_line(job) for job in jobs[:most])
    return names if len(jobs) <= most else f"{names} (+{len(jobs) - most})"


def status_view(status: Status) -> RenderableType:
    """The whole status: a headline, the workers, the housekeeper."""
    return Group(_headline(status), *_remarks(status), _workers(status), _housekeeper(status))


def _headline(status: Status) -> Text:
    state, totals = str(status["state"]), status["totals"]
    line = Text(f"{printable(status['name'])}  resqd {printable(status['version'])}  ")
    line.append(state, style=_STATE_STYLES.get(state, ""))
    line.append(f"  pid {status['pid']}  up {duration(status['uptime_s'])}")
    line.append(
        f"  {totals['processed']:,} processed  {totals['failed']:,} failed  {totals['per_second']:,.0f}/s"
    )
    return line


def _remarks(status: Status) -> list[Text]:
    remarks = [f"paused: {printable(reason)}" for reason in status.get("pause_reasons") or ()]
    for worker in status["workers"]:
        if missing := worker.get("threads_missing"):
            remarks.append(f"worker {worker['index']}: {missing} of its threads missing; the log says why")
    return [Text(remark, style="yellow") for remark in remarks]


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
