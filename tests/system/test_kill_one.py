"""Killing one job by its id, at the real daemon: that job and no other, whatever was typed."""

from pathlib import Path

import pytest

from resqd.cli.client import RefusedError, jobs_in
from tests.support.station import Station
from tests.support.waiting import wait_for


def test_an_id_that_names_nothing_kills_nothing(tmp_path: Path, redis_url: str) -> None:
    """The daemon refuses what resqctl would not even send; all that runs runs on."""
    with Station(folder=tmp_path, url=redis_url) as station:
        for tag in ("one", "two", "three"):
            station.push("nap", tag, 2)
        station.wait_begun("one", "two", "three")
        for nothing in ("", " ", "\n", "\ud800"):
            with pytest.raises(RefusedError, match=r"names no job|is no job's id"):
                station.call("kill", job_id=nothing)
        with pytest.raises(RefusedError, match="no worker runs job nobody"):
            station.call("kill", job_id="nobody")
        station.wait_ended("one", "two", "three")
        assert station.failures() == {}


@pytest.mark.parametrize("job_id", ["\ud800", "x" * 70_000])
def test_a_hostile_id_is_killed_by_what_status_shows_of_it(
    tmp_path: Path, redis_url: str, job_id: str
) -> None:
    """And its innocent neighbour ends in peace, in the same process: no worker dies of it."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        [pid] = station.pids()
        station.push("nap", "hostile", 60, job_id=job_id)
        station.push("nap", "neighbour", 1.5)
        station.wait_begun("hostile", "neighbour")
        jobs = wait_for(lambda: [job for job in jobs_in(station.status()) if job["id"] != "neighbour"])
        assert jobs[0]["id"].isprintable()
        station.call("kill", job_id=jobs[0]["id"])
        station.wait_ended("neighbour")
        assert list(station.failures().values()) == ["DirtyExit"]
        assert station.pids() == [pid]
