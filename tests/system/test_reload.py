"""Reload in place: new code without a job lost or killed, and nothing at all where the new code is broken."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Self

import pytest

from resqd.cli.client import CallError
from tests.support.station import JOBS, Station
from tests.support.waiting import wait_for

NEW = JOBS.read_text().replace('VERSION = "old"', 'VERSION = "new"')


def wait_rolled(station: Station, old: set[int]) -> None:
    """Until none of these processes is left, and all of the daemon is up again."""
    wait_for(
        lambda: (
            station.all_booted() and not old & {*station.pids(), *(one.pid for one in station.tree()[1:])}
        ),
        20,
        what=f"all children are new; log: {station.output()[-1500:]}",
    )


class Load:
    """Pushes short jobs all the time, and looks at how many workers work."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.pushed = 0
        self.fewest = 99
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            for _ in range(5):
                self.station.push("nap", f"load{self.pushed}", 0.05)
                self.pushed += 1
            with contextlib.suppress(CallError):  # the master execs itself just now
                self.fewest = min(self.fewest, working(self.station.workers()))
            time.sleep(0.02)


def working(workers: list[dict[str, Any]]) -> int:
    """How many places have a worker that takes jobs, or runs some."""
    busy = {one["index"] for one in workers if any(thread["job"] for thread in one["threads"])}
    return len(busy | {one["index"] for one in workers if one["booted"] and one["state"] == "running"})


def test_a_reload_under_load_brings_new_code_and_loses_nothing(tmp_path: Path, redis_url: str) -> None:
    """Same master, same socket, totals carried over, all children renewed, no job lost, killed or doubled."""
    with Station(folder=tmp_path, url=redis_url, workers=3) as station:
        old = {one.pid for one in station.tree()[1:]}
        station.push("version", "before")
        wait_for(lambda: station.notes("old") == ["before"])
        inode = station.client._paths[0].stat().st_ino
        started = time.monotonic()
        uptime = station.status()["uptime_s"]
        with Load(station) as load:
            station.push("nap", "long", 2)
            station.wait_begun("long")
            station.code.write_text(NEW)
            assert station.call("reload")["pid"] == station.pid
            wait_rolled(station, old)
            station.push("version", "after")
        wait_for(lambda: station.notes("new") == ["after"])
        expected = sorted([*(f"load{number}" for number in range(load.pushed)), "long"])
        wait_for(lambda: sorted(station.notes("ended")) == expected, 20, what="every job ended, once")
        wait_for(lambda: station.status()["totals"]["processed"] == load.pushed + 3)
        assert station.failures() == {}
        assert load.fewest >= 2
        assert station.client._paths[0].stat().st_ino == inode
        assert station.status()["uptime_s"] >= uptime + time.monotonic() - started - 0.1
        assert station.stop(signal.SIGQUIT) == 0


def test_broken_code_changes_nothing(tmp_path: Path, redis_url: str) -> None:
    """The error comes back to whoever asked, in a line; the old code goes on, in the same processes."""
    with Station(folder=tmp_path, url=redis_url) as station:
        pids = station.pids()
        station.code.write_text(NEW + "\nraise ValueError('a bad day')\n")
        with pytest.raises(CallError, match="ValueError: a bad day"):
            station.call("reload")
        station.send(signal.SIGHUP)
        station.wait_for_line(
            "not reloaded, nothing changes: .*(\n.*)*not reloaded, nothing changes: .*a bad day"
        )
        station.push("version", "tag")
        wait_for(lambda: station.notes("old") == ["tag"])
        assert station.pids() == pids


def test_reloading_twice_in_a_row(tmp_path: Path, redis_url: str) -> None:
    """A second HUP while the first one's roll is under way: all children are of the last program in the end."""
    with Station(folder=tmp_path, url=redis_url) as station:
        old = {one.pid for one in station.tree()[1:]}
        station.push("nap", "long", 1.5)
        station.wait_begun("long")
        station.send(signal.SIGHUP)
        station.wait_for_line("reloading in place")
        wait_for(lambda: len({one.pid for one in station.tree()[1:]} - old) > 0, what="the roll has begun")
        station.code.write_text(NEW)
        wait_for(station.answers)
        station.call("reload")
        between = {one.pid for one in station.tree()[1:]}  # the exec comes next, and only then new children
        wait_rolled(station, old | between)
        station.push("version", "tag")
        wait_for(lambda: station.notes("new") == ["tag"])
        assert station.notes("ended") == ["long"]
        descriptors = os.listdir(f"/proc/{station.pid}/fd")
        assert len(descriptors) < 40
        assert station.stop() == 0


def test_the_intent_and_a_worker_count_outlive_a_reload(tmp_path: Path, redis_url: str) -> None:
    """Paused and scaled before, paused and scaled after; the new workers are born paused."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.call("scale", to=2)
        station.call("pause")
        wait_for(lambda: len(station.pids()) == 2 and station.all_booted())
        old = {one.pid for one in station.tree()[1:]}
        station.call("reload")
        wait_rolled(station, old)
        station.push("quick", "waiting")
        assert [worker["state"] for worker in station.workers()] == ["paused", "paused"]
        assert station.status()["state"] == "paused"
        station.call("resume")
        station.wait_ended("waiting")


def test_a_daemon_on_its_way_out_does_not_reload(tmp_path: Path, redis_url: str) -> None:
    """While it drains, a reload is refused, and the drain ends as it would have."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.push("nap", "long", 1)
        station.wait_begun("long")
        station.call("drain")
        with pytest.raises(CallError, match="the daemon is draining"):
            station.call("reload")
        assert station.wait() == 0
        assert station.notes("ended") == ["long"]


def test_signals_during_a_reload_are_carried_out(tmp_path: Path, redis_url: str) -> None:
    """A TERM that comes while the master execs itself is not lost and does not kill it."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.send(signal.SIGHUP)
        station.wait_for_line("the new code imports; reloading in place")
        station.send(signal.SIGTERM)
        assert station.wait() == 0
        station.expect_gone()
