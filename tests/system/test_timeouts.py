"""A job that runs longer than its timeout is stopped on time, in whatever way it hangs, and nobody else pays."""

import time
from pathlib import Path

import pytest

from tests.support.station import GRACE, Station
from tests.support.waiting import wait_for

TIMEOUT = 0.4
INTERRUPTED = TIMEOUT + 0.5
"""Seconds within which what can be interrupted has ended."""
KILLED = TIMEOUT + GRACE + 4.0
"""The same for what must be killed: the master looks once a second, and counts the grace from its first look."""


@pytest.mark.parametrize(
    ("job", "bound"),
    [("loop", INTERRUPTED), ("swallower", INTERRUPTED + GRACE), ("read", KILLED), ("regex", KILLED)],
)
def test_a_job_ends_at_its_timeout(tmp_path: Path, redis_url: str, job: str, bound: float) -> None:
    """As JobTimeout; what it is given in the payload is enough. The next job runs."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push(job, "late", timeout=TIMEOUT)
        station.wait_begun("late")
        began = time.monotonic()
        wait_for(lambda: station.failures() == {"late": "JobTimeout"}, bound + 2, what="it is recorded")
        assert TIMEOUT - 0.1 < time.monotonic() - began < bound
        station.push("quick", "next", timeout=TIMEOUT)
        station.wait_ended("next")
        assert station.redis.get("resque:stat:timeout") == b"1"
        wait_for(lambda: station.status()["totals"]["timeouts"] == 1 or job in ("read", "regex"), 3)


def test_a_neighbour_that_holds_the_gil_convicts_nobody(tmp_path: Path, redis_url: str) -> None:
    """The job whose time is over has ended long ago, but cannot say so; both run again, each alone."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push("nap", "innocent", 0.2, timeout=TIMEOUT)
        station.wait_begun("innocent")
        station.push("regex", "holder", timeout=60.0)
        station.wait_begun("holder")
        wait_for(
            lambda: station.notes("ended") == ["innocent"], KILLED + 8, what="the innocent one has ended"
        )
        assert "innocent" not in station.failures()


def test_a_timeout_may_be_retried(tmp_path: Path, redis_url: str) -> None:
    """Interrupted or killed with its process, as the policy says; one try is counted, and no delivery."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push("retried", "killed", "regex", timeout=TIMEOUT)
        wait_for(lambda: "killed" in station.later(), KILLED + 4, what="it is later")
        assert station.later()["killed"]["attempts"] == 1
        assert "deliveries" not in station.later()["killed"]
        assert [each["exception"] for each in station.tries("killed")] == ["JobTimeout"]
        assert not station.failures()
        wait_for(lambda: station.notes("retry:JobTimeout:600") == ["killed"], 5, what="on_retry was called")
