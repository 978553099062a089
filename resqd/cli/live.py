"""What people see of a daemon while they wait: a status that refreshes, and the progress of a drain or a stop."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from resqd.cli import views
from resqd.cli.leaving import Status, jobs_in

_LINE_PAUSE = 5.0


def watch(poll: Callable[[], Status], *, sleep: Callable[[], None]) -> None:
    """Show the status again and again, until `poll` or `sleep` raises; in place on a terminal."""
    out = views.console()
    if not out.is_terminal:
        while True:
            out.print(views.status_view(poll()))
            sleep()
    with Live(console=out, auto_refresh=False, screen=False) as live:
        while True:
            live.update(views.status_view(poll()), refresh=True)
            sleep()


def leaving_line(status: Status) -> str:
    """What a drain or a stop still waits for."""
    jobs = jobs_in(status)
    if jobs:
        return views.job_names(jobs)
    workers = [worker for worker in status["workers"] if worker["pid"]]
    return f"{len(workers)} workers to exit" if workers else "the daemon to exit"


class LeavingView:
    """Progress of a drain or a stop: a bar on a terminal, else a line whenever the waiting changes."""

    def __init__(self, verb: str) -> None:
        self._console = views.console()
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
