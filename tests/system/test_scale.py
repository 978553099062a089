"""Scaling while the daemon runs, by command and by TTIN and TTOU."""

import signal
from pathlib import Path

import pytest

from resqd.cli.client import CallError
from tests.support.station import Station
from tests.support.waiting import wait_for


def indexes(station: Station) -> list[int]:
    return sorted(worker["index"] for worker in station.workers() if worker["booted"])


def test_scale_up_and_down(tmp_path: Path, redis_url: str) -> None:
    """New workers work; one that is taken away finishes its job first, and is not replaced."""
    with Station(folder=tmp_path, url=redis_url, workers=1, threads=1) as station:
        assert station.call("scale", to=3)["workers"] == 3
        wait_for(lambda: indexes(station) == [0, 1, 2])
        for tag in ("one", "two", "three"):
            station.push("nap", tag, 1)
        station.wait_begun("one", "two", "three", seconds=3)
        station.call("scale", to=1)
        wait_for(lambda: indexes(station) == [0])
        assert sorted(station.notes("ended")) == ["one", "three", "two"]
        assert station.failures() == {}
        assert station.status()["settings"]["worker_count"] == 1


def test_a_worker_that_is_taken_away_and_wanted_again_stays(tmp_path: Path, redis_url: str) -> None:
    """Down and up again while it drains: the same process goes on, and no double takes its place."""
    with Station(folder=tmp_path, url=redis_url, threads=1) as station:
        for tag in ("one", "two"):
            station.push("nap", tag, 1.5)
        station.wait_begun("one", "two")
        pids = station.pids()
        station.call("scale", delta=-1)
        wait_for(lambda: "draining" in [worker["state"] for worker in station.workers()])
        station.call("scale", delta=1)
        station.wait_ended("one", "two")
        station.push("quick", "three")
        station.wait_ended("three")
        assert station.pids() == pids


def test_ttin_and_ttou(tmp_path: Path, redis_url: str) -> None:
    """One worker more, one less; the last one stays."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.send(signal.SIGTTIN)
        wait_for(lambda: indexes(station) == [0, 1])
        station.send(signal.SIGTTOU)
        wait_for(lambda: indexes(station) == [0])
        station.send(signal.SIGTTOU)
        station.wait_for_line("cannot scale to 0 workers")
        with pytest.raises(CallError, match="must be from 1 to 1024"):
            station.call("scale", to=5000)
        assert indexes(station) == [0]
