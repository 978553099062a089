"""Waiting for a daemon to leave, by scripted accounts of its state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from resqd.cli.client import Ending, Status, follow, jobs_in
from resqd.clock import Deadline

JOB = {"id": "f00d", "class": "Archive", "queue": "mail", "running_s": 1.0}


def account(state: str, *, pid: int = 1, busy: bool = False) -> Status:
    return {
        "state": state,
        "pid": pid,
        "workers": [{"threads": [{"index": 0, "job": JOB if busy else None}]}],
    }


def outcome(accounts: list[Status | None], *, deadline: Deadline | None = None) -> Ending:
    script: Iterator[Status | None] = iter(accounts)
    return follow(lambda: next(script), pid=1, deadline=deadline, show=lambda _: None, sleep=lambda _: None)


DRAINING, STOPPING = account("draining", busy=True), account("stopping")


@pytest.mark.parametrize(
    ("accounts", "end"),
    [
        ([None], Ending.GONE),
        ([DRAINING, DRAINING, None], Ending.GONE),
        ([DRAINING, STOPPING, None], Ending.GONE),
        ([DRAINING, account("stopping", busy=True), STOPPING, None], Ending.KILLED),
        ([DRAINING, account("running")], Ending.RESUMED),
        ([DRAINING, account("paused")], Ending.RESUMED),
        ([DRAINING, account("running", pid=2)], Ending.GONE),
    ],
)
def test_outcomes(accounts: list[Status | None], end: Ending) -> None:
    """How the wait ended follows from the states seen; a daemon with another pid is a successor."""
    assert outcome(accounts) is end


def test_deadline_ends_the_wait() -> None:
    """The wait ends at its deadline, but not before one look."""
    assert outcome([DRAINING], deadline=Deadline.after(0)) is Ending.TIMED_OUT
    assert outcome([None], deadline=Deadline.after(0)) is Ending.GONE


def test_every_account_is_shown_and_slept_over() -> None:
    """Each look is shown, and followed by one pause."""
    script: Iterator[Status | None] = iter([DRAINING, STOPPING, None])
    shown: list[Status] = []
    slept: list[float] = []
    follow(lambda: next(script), pid=1, deadline=None, show=shown.append, sleep=slept.append)
    assert shown == [DRAINING, STOPPING]
    assert len(slept) == 2


def test_jobs_longest_first() -> None:
    """The job that runs longest is named first; threads without a job are left out."""
    threads = [{"job": {**JOB, "running_s": n}} for n in (1, 3, 2)] + [{"job": None}]
    jobs = jobs_in({"workers": [{"threads": threads[:2]}, {"threads": threads[2:]}, {}]})
    assert [job["running_s"] for job in jobs] == [3, 2, 1]
