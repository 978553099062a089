"""A daemon's status as lines, and what keys ask of it."""

from __future__ import annotations

from typing import Any

from resqd.cli.client import Status
from resqd.cli.top.daemon import Daemon, look_at
from tests.unit.cli.test_views import status


def told(**changes: Any) -> Status:
    return status(suspects=1, pause_reasons=["/etc/stop\x1b"], **changes)


def test_each_thread_is_a_line() -> None:
    """With its worker's figures; an idle one says so and cannot be killed."""
    look = look_at(told())
    busy, idle = look.lines
    assert busy.cells == ("3", "77", "0", "12s", "Archive", "mail", "12%", "50.0 MiB", "f00d")
    assert (busy.job, busy.target, busy.order[3]) == ("Archive f00d", "f00d", 12.5)
    assert (idle.cells[3:5], idle.job, idle.order[3]) == (("-", "(idle)"), "", -1.0)
    assert [remark.text for remark in look.head][1:] == [
        "1 of 2 threads busy  suspects 1  redis: ok",
        "paused: /etc/stop\\x1b",
    ]


def test_a_place_without_a_process_says_how_the_last_one_ended() -> None:
    """And one that boots says that."""
    worker = told()["workers"][0]
    gone = {**worker, "pid": None, "threads": [], "last_exit": "killed by SIGSEGV", "state": "waiting"}
    boots = {**worker, "booted": False, "threads": [{"index": 0, "job": None}]}
    lines = look_at(told(workers=[gone, boots])).lines
    assert [line.cells[4] for line in lines] == ["(no process: killed by SIGSEGV)", "(booting)"]


class Session:
    """Answers as a daemon does."""

    def __init__(self, **reply: object) -> None:
        self.calls: list[tuple[str, dict[str, object]]] = []
        self.reply = {"ok": True, **reply}

    def call(self, command: str, *, timeout: float = 0.0, **arguments: str) -> dict[str, object]:
        assert timeout >= 0
        self.calls.append((command, dict(arguments)))
        return self.reply


def daemon(session: Session) -> Daemon:
    return Daemon(session)  # type: ignore[arg-type] # it has the method that is called


def test_a_kill_names_the_job() -> None:
    """And not the thread, which may run another meanwhile."""
    session = Session()
    assert daemon(session).act("kill", look_at(told()).lines[0]) == "killed f00d"
    assert session.calls == [("kill", {"job_id": "f00d"})]


def test_a_pause_says_what_came_of_it() -> None:
    """A daemon that drains takes no jobs anyway."""
    assert daemon(Session(state="paused")).act("pause", None) == "paused: it takes no new jobs"
    assert (
        daemon(Session(state="draining")).act("pause", None) == "it is draining: it takes no new jobs anyway"
    )
    assert daemon(Session()).act("resume", None) == "running"
