"""One daemon's threads, as it tells them itself: exact, and without Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from resqd.cli.client import Session, Status, jobs_in
from resqd.cli.top.look import KILL, PAUSE, Column, Command, Line, Look, Remark, Tone
from resqd.cli.views import duration, headline, printable, remarks, size

COLUMNS: Final = (
    Column("worker", 6, number=True),
    Column("pid", 7, number=True),
    Column("thread", 6, number=True),
    Column("time", 7, number=True),
    Column("class", 28),
    Column("queue", 14),
    Column("cpu", 5, number=True),
    Column("memory", 9, number=True),
    Column("id", 36),
)
_PATIENCE: Final = 60.0
"""Seconds that a kill may take."""


class Daemon:
    """The source of `resqctl top`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def look(self) -> Look:
        """How it is now; raises CallError."""
        return look_at(self._session.status())

    def act(self, command: Command, line: Line | None) -> str:
        """Pause or resume the daemon, or kill the line's job and wait until it has ended; raises CallError."""
        if command == KILL:
            job = "" if line is None else str(line.target)
            self._session.call(KILL, timeout=_PATIENCE, job_id=job)
            return f"killed {job}"
        reply = self._session.call(command)
        done = "paused: it takes no new jobs" if command == PAUSE else "running"
        if command == PAUSE and reply.get("state", "paused") != "paused":
            done = f"it is {reply['state']}: it takes no new jobs anyway"
        return str(reply.get("message", done))


def look_at(status: Status) -> Look:
    """A status as lines: each thread of each worker, and each place whose worker is missing."""
    busy = len(jobs_in(status))
    threads = sum(len(worker["threads"]) for worker in status["workers"])
    housekeeper = status["housekeeper"]
    tone: Tone = "" if housekeeper["redis"] == "ok" else "red"
    head = [
        Remark(headline(status).plain),
        Remark(
            f"{busy} of {threads} threads busy  suspects {status.get('suspects', 0)}  "
            f"redis: {printable(housekeeper['redis'])}",
            tone,
        ),
        *(Remark(remark.plain, "yellow") for remark in remarks(status)),
    ]
    return Look(tuple(head), COLUMNS, tuple(_lines(status)))


def _lines(status: Status) -> Iterator[Line]:
    for worker in status["workers"]:
        if not worker["threads"]:
            yield _line(worker, None, None)
        for thread in worker["threads"]:
            yield _line(worker, thread["index"], thread["job"])


def _line(worker: dict[str, Any], thread: int | None, job: dict[str, Any] | None) -> Line:
    name = _state(worker) if job is None else printable(job["class"])
    queue, job_id = ("", "") if job is None else (printable(job["queue"]), job["id"] or "")
    running = -1.0 if job is None else float(job["running_s"])
    at = -1 if thread is None else thread
    cells = (
        str(worker["index"]),
        str(worker["pid"] or "-"),
        "-" if thread is None else str(thread),
        "-" if job is None else duration(running),
        name,
        queue,
        f"{worker['cpu_percent']:.0f}%",
        size(worker["rss_bytes"]),
        printable(job_id),
    )
    order = (
        float(worker["index"]), float(worker["pid"] or 0), float(at), running, name, queue,
        float(worker["cpu_percent"]), float(worker["rss_bytes"]), job_id,
    )  # fmt: skip
    place = f"{worker['index']:05}:{worker['pid'] or 0}:{at:05}"
    return Line(place, cells, order, f"{name} {printable(job_id)}" if job_id else "", job_id)


def _state(worker: dict[str, Any]) -> str:
    if worker["pid"] is None:
        return f"(no process: {printable(worker['last_exit'] or worker['state'])})"
    return "(idle)" if worker["booted"] else "(booting)"
