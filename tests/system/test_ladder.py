"""Every job can be stopped: by TERM, by USR1 and by `kill JOB_ID`, whatever it does, and its siblings do not pay."""

import signal
import time
from pathlib import Path

import pytest

from tests.support.station import GRACE, Station
from tests.support.waiting import wait_for

BOUND = GRACE + 2.0
"""Seconds within which a job that is to be stopped has ended and is recorded."""
STUCK = {
    "loop": (),
    "sleep": (3600,),
    "read": (),
    "regex": (),
    "stubborn": (),
    "swallower": (),
    "destroyer": (0.4,),
}
IN_C = ("sleep", "read", "regex")


def wait_recorded(station: Station, *tags: str) -> None:
    wait_for(
        lambda: all(station.failures().get(tag) == "DirtyExit" for tag in tags),
        BOUND,
        what=f"{tags} are in the failed list as DirtyExit",
    )


@pytest.mark.parametrize("job", STUCK)
def test_a_stuck_job_is_killed_by_its_id(tmp_path: Path, redis_url: str, job: str) -> None:
    """It ends within KILL_GRACE + 2 s as DirtyExit; its sibling ends or is run again, and is never charged."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push("nap", "sibling", 2.5 if job in IN_C else 0.8)
        station.wait_begun("sibling")
        station.push(job, "stuck", *STUCK[job])
        station.wait_begun("stuck")
        pid = station.worker_of("stuck")
        station.call("kill", job_id="stuck")
        wait_recorded(station, "stuck")
        station.wait_ended("sibling", seconds=15)
        station.push("quick", "next")
        station.wait_ended("next")
        assert station.failures() == {"stuck": "DirtyExit"}
        assert (station.worker_of("sibling") != pid) == (job in IN_C)
        assert station.status()["totals"]["failed"] <= 1


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_ends_all_stuck_jobs(tmp_path: Path, redis_url: str, number: signal.Signals) -> None:
    """TERM and USR1 end every kind of stuck job within KILL_GRACE + 2 s, each as DirtyExit, and start none again."""
    with Station(folder=tmp_path, url=redis_url, workers=2, threads=6) as station:
        gentle = [job for job in STUCK if job != "regex"]
        for job in gentle:
            station.push(job, job, *STUCK[job])
        station.wait_begun(*gentle)
        station.push("regex", "regex")  # last: nothing else begins in its process
        station.wait_begun("regex")
        began = time.monotonic()
        station.send(number)
        wait_recorded(station, *STUCK)
        if number is signal.SIGTERM:
            assert station.wait(BOUND) == 0
            station.expect_gone()
            assert time.monotonic() - began < BOUND + 1
        else:
            wait_for(station.all_booted, 5)
            station.push("quick", "next")
            station.wait_ended("next")
        assert sorted(station.notes("begun")) == sorted(STUCK)


def test_kill_jobs_ends_only_what_runs(tmp_path: Path, redis_url: str) -> None:
    """`kill-jobs` interrupts the running jobs; what waits in the queue runs afterwards, in the same processes."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        pids = station.pids()
        for tag in ("one", "two"):
            station.push("nap", tag, 60)
        station.wait_begun("one", "two")
        station.push("quick", "three")
        station.call("kill-jobs")
        wait_recorded(station, "one", "two")
        station.wait_ended("three")
        assert sorted(station.notes("finally")) == ["one", "two"]
        assert station.pids() == pids


def test_a_job_is_asked_first(tmp_path: Path, redis_url: str) -> None:
    """`current_job()` tells a job its class, queue and id, and `cancelled` once it is to end."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push("polite", "asked")
        station.wait_begun("asked")
        assert station.call("kill", job_id="asked")["ok"]
        wait_recorded(station, "asked")
        assert station.notes("polite/q/asked") == ["asked"]
        assert station.notes("cancelled") == ["asked"]


def test_killing_what_does_not_run_is_refused(tmp_path: Path, redis_url: str) -> None:
    """`kill` of an id that runs nowhere says so at once and harms nobody."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.push("nap", "bystander", 1)
        station.wait_begun("bystander")
        with pytest.raises(Exception, match="no worker runs job nobody"):
            station.call("kill", job_id="nobody")
        station.wait_ended("bystander")
        assert station.failures() == {}
