"""The daemon's account, for `status --json` and for ps."""

from dataclasses import replace
from typing import cast

from resqd.master.child import NO_STATS
from resqd.master.status import empty_place, housekeeper_status, title, worker_status
from resqd.wire.intent import Intent
from resqd.wire.messages import Running
from tests.support.family import Cells, child, fleet, housekeeper

JOB = Running(1, 7, "f00d", "Archive", "mail", 90.0, b"")


def test_a_worker_and_an_empty_place_have_the_same_keys() -> None:
    """Whoever reads one reads the other; an empty place has no process, and says why and until when."""
    busy = child(1, runs=(0, 7), stats=replace(NO_STATS, running=(JOB,), processed=5, rss_bytes=9))
    shown = worker_status(busy, jobs_per_fork=100, threads=2, last_exit="x", now=100.0)
    assert shown["threads"] == [
        {"index": 0, "job": None},
        {
            "index": 1,
            "job": {"id": "f00d", "class": "Archive", "queue": "mail", "running_s": 10.0, "progress": None},
        },
    ]
    expected = {
        "index",
        "pid",
        "state",
        "booted",
        "jobs_done",
        "jobs_per_fork",
        "rss_bytes",
        "cpu_percent",
        "threads",
    }
    assert expected | {"last_exit"} <= set(shown)
    empty = empty_place(3, jobs_per_fork=100, last_exit="it crashed", retry_in=2.0)
    assert set(empty) - set(shown) == {"retry_in_s"}
    assert set(shown) - set(empty) == {"uptime_s", "redis", "hung"}
    assert (empty["pid"], empty["last_exit"], empty["retry_in_s"]) == (None, "it crashed", 2.0)


def test_the_housekeeper_says_how_redis_is() -> None:
    """And for how long."""
    there = housekeeper_status(housekeeper(), redis="refused", since=90.0, now=100.0)
    assert there == {"pid": 1099, "state": "running", "redis": "refused", "since": 10.0}
    assert housekeeper_status(None, redis="ok", since=0.0, now=1.0)["state"] == "missing"


def test_a_silent_workers_job_is_named_by_its_page() -> None:
    """What it reported last does not count where its page shows other jobs; one without a name is being read."""
    mute = child(1, runs=(5, 7, 8), heard=80.0, stats=replace(NO_STATS, running=(replace(JOB, token=6),)))
    cast(Cells, mute.page).names[7] = ("f00d", "Archive", "mail", 90.0)
    assert mute.running() == (
        Running(0, 5, "", "(being read)", "", 80.0, b""),
        JOB,
        Running(2, 8, "", "(being read)", "", 80.0, b""),
    )


def test_a_worker_without_all_its_threads_is_not_healthy() -> None:
    """Nor is one that is silent; the status says how many threads are missing, and how many were replaced."""
    whole, short = child(1), child(2, stats=replace(NO_STATS, missing=1, replaced=3))
    shown = worker_status(short, jobs_per_fork=0, threads=2, last_exit=None, now=1.0)
    assert (shown["healthy"], shown["threads_missing"], shown["threads_replaced"]) == (False, 1, 3)
    assert whole.healthy
    assert not child(3, hung="silent for 9 s").healthy


def test_the_masters_title() -> None:
    """Not to be taken for a stock Resque's, which looks for its own name at the start."""
    shown = title(
        prefix="a-", fleet=fleet(child(1, runs=(7, 8)), intent=Intent.PAUSED, workers=4), per_second=3204.4
    )
    assert shown == "a-resqd-1.0 (resque-1.0): master [resqd] 4 workers, 2 running, 3204/s, paused"


def test_of_the_places_on_an_event_loop_only_those_are_shown_that_are_taken() -> None:
    """There may be hundreds; and the job that blocks the loop is named."""
    blocked = replace(NO_STATS, running=(JOB,), loop_blocked_by="Archive f00d")
    shown = worker_status(
        child(1, runs=(0, 7, 0, 0), stats=blocked), jobs_per_fork=0, threads=1, last_exit=None, now=1.0
    )
    assert [thread["index"] for thread in shown["threads"]] == [0, 1]
    assert shown["loop_blocked_by"] == "Archive f00d"
