"""What people see of the queues: tables. Imports rich, so it is itself imported late."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from resqd.cli.pause_commands import said_of
from resqd.cli.views import console, duration, printable
from resqd.store.resque.failed_job import FailedJob
from resqd.store.resque.pauses import Note
from resqd.text import progress_text

_ARGS = 120
_NUMBERS = frozenset(
    {
        "size",
        "in flight",
        "oldest wait",
        "position",
        "deliveries",
        "waited",
        "pid",
        "busy",
        "tries",
        "held",
        "waiting",
        "ended",
        "of",
        "skipped",
    }
)


def show_queues(queues: Sequence[dict[str, Any]]) -> None:
    """One line for each queue."""
    pauses = any(queue["paused"] for queue in queues)
    table = _table("queue", "size", "in flight", "oldest wait", *(["paused"] if pauses else []))
    for queue in queues:
        size = "not a list" if queue["size"] is None else f"{queue['size']:,}"
        cells = [queue["queue"], size, f"{queue['in_flight']:,}", _wait(queue["oldest_wait_s"])]
        table.add_row(*_cells(*cells, *([_pause(queue["paused"])] if pauses else [])))
    console().print(table)


def _pause(note: dict[str, Any] | None) -> str:
    """Who paused a queue, when and why."""
    if note is None:
        return ""
    return f"paused{said_of(Note(note['by'], note['at'], note['why']))}"


def show_delayed(entries: Sequence[dict[str, Any]]) -> None:
    """One line for each delayed job of resque-scheduler's."""
    table = _table("due", "class", "args", "queue", "retries", "last error")
    for entry in entries:
        retries = "" if entry["retries"] is None else entry["retries"]
        cells = (entry["at"], entry["class"], _short(entry["args"]), entry["queue"] or "-", retries)
        table.add_row(*_cells(*cells, entry["last_error"] or ""))
    console().print(table)


def show_schedules(schedules: Sequence[dict[str, Any]]) -> None:
    """One line for each schedule of resque-scheduler's."""
    table = _table("schedule", "last enqueued", "configuration")
    for schedule in schedules:
        table.add_row(
            *_cells(schedule["name"], schedule["last_enqueued"] or "-", json.dumps(schedule["config"]))
        )
    console().print(table)


def show_jobs(jobs: Sequence[dict[str, Any]], *, now: float) -> None:
    """One line for each waiting job."""
    table = _table("position", "class", "args", "id", "deliveries", "waited")
    for job in jobs:
        waited = None if job["enqueued_at"] is None else max(0.0, now - job["enqueued_at"])
        table.add_row(
            *_cells(
                job["position"],
                job["class"],
                _short(job["args"]),
                job["id"] or "-",
                job["deliveries"],
                _wait(waited),
            )
        )
    console().print(table)


def show_later(jobs: Sequence[dict[str, Any]], *, total: int, now: float) -> None:
    """One line for each job that is to run later."""
    table = _table("due in", "queue", "class", "args", "ticket")
    for job in jobs:
        left = datetime.fromisoformat(job["due"]).timestamp() - now
        due = duration(left) if left > 0 else "now"
        table.add_row(*_cells(due, job["queue"], job["class"], _short(job["args"]), job["ticket"]))
    console().print(table)
    if total > len(jobs):
        console().print(f"{len(jobs)} of {total:,}")


def show_locks(locks: Sequence[dict[str, Any]], *, total: int, now: float) -> None:
    """One line for each lock of a unique job, or window."""
    table = _table("held by", "for", "ends in", "fingerprint")
    for lock in locks:
        since, until = (
            datetime.fromisoformat(lock[name]).timestamp() if lock[name] else None
            for name in ("since", "until")
        )
        held = "-" if since is None else duration(now - since) if since <= now else "not due"
        ends = "-" if until is None else duration(max(0.0, until - now))
        table.add_row(*_cells(lock["id"] or "(a window)", held, ends, lock["fingerprint"]))
    console().print(table)
    if total > len(locks):
        console().print(f"{len(locks)} of {total:,}")


def show_limits(limits: Sequence[dict[str, Any]]) -> None:
    """One line for each limit; a number that people have set stands before the declared one."""
    table = _table("limit", "most", "per", "held", "waiting")
    for each in limits:
        most = "-" if each["most"] is None else str(each["most"])
        if each["set"] is not None:
            most = f"{each['set']} (set; {most} declared)"
        per = "-" if each["per"] is None else f"{each['per']:g} s"
        table.add_row(*_cells(each["name"], most, per, str(each["held"]), str(each["waiting"])))
    console().print(table)


def show_shards(shards: Sequence[dict[str, Any]]) -> None:
    """One line for each shard."""
    table = _table("shard", "where", "state", "daemons", "waiting", "in flight", "later", "failed")
    counts = ("daemons", "waiting", "in_flight", "later", "failed")
    for each in shards:
        shown = ["-" if each[name] is None else str(each[name]) for name in counts]
        table.add_row(*_cells(str(each["shard"]), each["where"], each["state"], *shown))
    console().print(table)


def show_gates(gates: Sequence[dict[str, Any]]) -> None:
    """One line for each value of a limit, with who holds it."""
    table = _table("value", "held", "waiting", "holders")
    for each in gates:
        holders = ", ".join(each["holders"])
        table.add_row(*_cells(each["value"] or "-", str(each["held"]), str(each["waiting"]), holders or "-"))
    console().print(table)


def show_batches(batches: Sequence[dict[str, Any]], *, now: float) -> None:
    """One line for each batch."""
    table = _table("id", "state", "ended", "of", "failed", "skipped", "made", "description")
    for each in batches:
        made = duration(max(0.0, now - datetime.fromisoformat(each["created"]).timestamp()))
        counts = (f"{each[name]:,}" for name in ("ended", "total", "failed", "skipped"))
        table.add_row(*_cells(each["id"], each["state"], *counts, f"{made} ago", each["description"]))
    console().print(table)


def show_retries(jobs: Sequence[dict[str, Any]], *, now: float) -> None:
    """One line for each failed job that will be tried again, with its last error."""
    table = _table("next in", "tries", "queue", "class", "args", "last error", "ticket")
    for job in jobs:
        left = datetime.fromisoformat(job["due"]).timestamp() - now
        last = job["attempts"][-1] if job["attempts"] else {}
        error = f"{last.get('exception', '')}: {last.get('error', '')}" if last else "-"
        table.add_row(
            *_cells(
                duration(left) if left > 0 else "now",
                job["tries"],
                job["queue"],
                job["class"],
                _short(job["args"]),
                error if len(error) <= _ARGS else f"{error[:_ARGS]}…",
                job["ticket"],
            )
        )
    console().print(table)


def show_workers(workers: Sequence[dict[str, Any]]) -> None:
    """One line for each worker, and one more for each job that it runs."""
    table = _table("host", "pid", "queues", "workers x threads", "busy", "started", "heartbeat")
    running = _table("host", "pid", "thread", "running", "id", "queue", "since", "progress")
    for worker in workers:
        counts = f"{worker['workers']} x {worker['threads']}" if worker["workers"] else "-"
        table.add_row(
            *_cells(
                worker["host"],
                worker["pid"],
                ",".join(worker["queues"]),
                counts,
                len(worker["running"]),
                worker["started"] or "-",
                worker["heartbeat"] or "-",
            )
        )
        for job in worker["running"]:
            running.add_row(
                *_cells(
                    worker["host"],
                    job["pid"],
                    job["thread"],
                    job["class"],
                    job["id"] or "-",
                    job["queue"],
                    job["run_at"],
                    progress_text(**job["progress"]) if job["progress"] else "",
                )
            )
    console().print(table)
    if running.row_count:
        console().print()
        console().print(running)


def show_failures(failures: Sequence[FailedJob], *, total: int) -> None:
    """One line for each failure, and how many there are in all."""
    table = _table("position", "id", "class", "queue", "failed at", "error", "requeued")
    for failure in failures:
        place = failure.index if failure.list_name == "failed" else f"{failure.list_name}:{failure.index}"
        error = f"{failure.exception}: {failure.error}"
        table.add_row(
            *_cells(
                place,
                failure.id or "-",
                failure.job_class,
                failure.queue,
                failure.failed_at,
                error if len(error) <= _ARGS else f"{error[:_ARGS]}…",
                "yes" if failure.retried_at else "-",
            )
        )
    console().print(table)
    if total > len(failures):
        console().print(f"{len(failures):,} of {total:,}; --from and --count show others")


def show_cron(entries: Sequence[dict[str, Any]], *, now: float) -> None:
    """One line for each entry of the timetable."""
    table = _table("entry", "schedule", "class", "args", "queue", "next", "last", "from")
    for entry in entries:
        if entry["trouble"]:
            table.add_row(*_cells(entry["name"], entry["trouble"], "-", "-", "-", "-", "-", "-"))
            continue
        table.add_row(
            *_cells(
                entry["name"],
                entry["schedule"],
                entry["class"],
                _short(entry["args"]),
                entry["queue"],
                _next(entry, now),
                f"{duration(max(0.0, now - entry['runs'][0]['at']))} ago" if entry["runs"] else "-",
                entry["app"] or "run time",
            )
        )
    console().print(table)


def _next(entry: dict[str, Any], now: float) -> str:
    if entry["paused"]:
        return f"paused by {entry['paused']['by']}"
    return "-" if entry["next"] is None else f"in {duration(max(0.0, entry['next'] - now))}"


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, justify="right" if title in _NUMBERS else "left", overflow="fold")
    return table


def _cells(*values: object) -> list[Text]:
    return [Text(printable(value)) for value in values]


def _wait(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)


def _short(args: list[Any]) -> str:
    text = json.dumps(args, ensure_ascii=False)
    return text if len(text) <= _ARGS else f"{text[:_ARGS]}…"
