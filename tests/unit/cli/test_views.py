"""What people see of a daemon: text from elsewhere made harmless, numbers made readable."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console, RenderableType

from resqd.cli import views
from resqd.cli.client import Status


def status(**changes: Any) -> Status:
    job = {"id": "f00d", "class": "Archive", "queue": "mail", "running_s": 12.5}
    worker = {
        "index": 3,
        "pid": 77,
        "state": "running",
        "booted": True,
        "jobs_done": 512,
        "jobs_per_fork": 1000,
        "rss_bytes": 50 << 20,
        "cpu_percent": 12.4,
        "threads": [{"index": 0, "job": job}, {"index": 1, "job": None}],
        "last_exit": None,
    }
    whole = {
        "name": "mail",
        "version": "1.0.0",
        "state": "running",
        "pid": 76,
        "uptime_s": 3700.0,
        "totals": {"processed": 12345, "failed": 6, "per_second": 3204.5},
        "workers": [worker],
        "housekeeper": {"pid": 78, "state": "running", "redis": "ok", "since": 3.0},
    }
    return {**whole, **changes}


def text(view: RenderableType) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(view)
    return capture.get()


def test_status_shows_the_whole_daemon() -> None:
    """The headline, each worker with what it runs, and the housekeeper's view of Redis are there."""
    shown = text(views.status_view(status()))
    assert "mail  resqd 1.0.0  running  pid 76  up 1h 01m  12,345 processed  6 failed  3,204/s" in shown
    assert "3        77  running  512/1,000  50.0 MiB  12%      1/2  Archive f00d 12s" in shown
    assert "housekeeper  78  running  redis: ok" in shown


def test_status_counts_what_ended_otherwise() -> None:
    """Where there was any: retries, timeouts, and jobs that were discarded or had expired."""
    told = status()
    told["totals"] |= {"retried": 1_200, "timeouts": 3, "discarded": 0, "expired": 1}
    assert "6 failed  1,200 retried  3 timeouts  1 expired" in text(views.status_view(told))


def test_dead_worker_says_how_it_ended() -> None:
    """A worker between two lives shows a dash for its pid and why the last one ended."""
    dead = {
        **status()["workers"][0],
        "pid": None,
        "booted": False,
        "threads": [],
        "last_exit": "killed by SIGSEGV",
    }
    shown = text(
        views.status_view(status(workers=[{**dead, "jobs_per_fork": 0}], pause_reasons=["/etc/stop\x1b"]))
    )
    assert "-  running (booting)   512" in shown
    assert "last exit: killed by SIGSEGV" in shown
    assert "paused: /etc/stop\\x1b" in shown


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("plain é", "plain é"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb", "a\\nb"),
        ("\udcff", "\\udcff"),
        ("[red]", "[red]"),
    ],
)
def test_control_characters_are_made_visible(raw: str, safe: str) -> None:
    """Names from elsewhere cannot move the cursor, colour or break lines; markup stays text."""
    assert views.printable(raw) == safe


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.44, "0.4s"), (12.9, "12s"), (65, "1m 05s"), (7260, "2h 01m"), (90000, "1d 01h")]
)
def test_duration_in_words(seconds: float, words: str) -> None:
    """Seconds are shown in at most two units."""
    assert views.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (1536, "1.5 KiB"), (3 << 40, "3.0 TiB"), (3 << 50, "3072.0 TiB")]
)
def test_size_in_words(count: int, words: str) -> None:
    """Bytes are shown in binary units."""
    assert views.size(count) == words


def test_many_jobs_are_counted() -> None:
    """Beyond three jobs the rest is a number."""
    jobs = [{"id": str(n), "class": "A", "running_s": n} for n in range(5)]
    assert views.job_names(jobs) == "A 0 0.0s, A 1 1.0s, A 2 2.0s (+2)"


@pytest.mark.parametrize(
    ("workers", "line"),
    [
        (status()["workers"], "Archive f00d 12s"),
        ([{**status()["workers"][0], "threads": []}], "1 workers to exit"),
        ([], "the daemon to exit"),
    ],
)
def test_leaving_names_what_is_waited_for(workers: list[dict[str, Any]], line: str) -> None:
    """A drain waits for jobs, then for workers, then for the daemon."""
    assert views.leaving_line(status(workers=workers)) == line


def test_how_far_a_job_is_stands_behind_its_time() -> None:
    """Where it says so; what it says may be anything."""
    job = {"id": "f00d", "class": "Archive", "queue": "mail", "running_s": 12.5, "progress": None}
    assert views.job_line(job) == "Archive f00d 12s"
    told = {"done": 1.0, "total": 4.0, "note": "rows\x1b[2J"}
    assert views.job_line({**job, "progress": told}) == "Archive f00d 12s 25% (1 of 4) rows\\x1b[2J"
