"""RESQD_TERM: what TERM and Ctrl-C make of the running jobs."""

import json
import re
import signal
from pathlib import Path

import pytest

from tests.support.station import GRACE, Station
from tests.support.waiting import wait_for

TERM, INT = signal.SIGTERM, signal.SIGINT


def test_by_default_term_kills_and_names_what_it_kills(tmp_path: Path, redis_url: str) -> None:
    """One line: which jobs, where they go, what would spare them."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push("nap", "endless", 3600)
        station.wait_begun("endless")
        assert station.stop(INT) == 0
        assert station.failures() == {"endless": "DirtyExit"}
        lines = [
            line for line in station.output().splitlines() if "nap endless" in line and " master " in line
        ]
        assert len(lines) == 1
        assert re.search(r"Ctrl-C: killing 1 jobs, which go to the failed list.*RESQD_TERM=drain", lines[0])


@pytest.mark.parametrize("number", [TERM, INT])
def test_a_term_that_drains_lets_jobs_finish(tmp_path: Path, redis_url: str, number: signal.Signals) -> None:
    """Also where the whole process group hears it, as from a shell."""
    with Station(folder=tmp_path, url=redis_url, RESQD_TERM="drain") as station:
        for tag in ("one", "two"):
            station.push("nap", tag, 0.7)
        station.wait_begun("one", "two")
        for pid in station.pids():
            station.kick(pid, number)
        station.send(number)
        assert station.wait() == 0
        assert sorted(station.notes("ended")) == ["one", "two"]
        assert station.failures() == {}


def test_a_second_term_ends_a_drain(tmp_path: Path, redis_url: str) -> None:
    """The first one waits and says for what; a drain by command before it does not count as one."""
    with Station(folder=tmp_path, url=redis_url, workers=1, RESQD_TERM="drain") as station:
        station.push("nap", "endless", 3600)
        station.wait_begun("endless")
        station.call("drain")
        station.send(TERM)
        station.wait_for_line("got SIGTERM")
        assert station.status()["state"] == "draining"
        station.send(TERM)
        assert station.wait(GRACE + 5) == 0
        assert station.failures() == {"endless": "DirtyExit"}
        station.wait_for_line("SIGTERM: killing 1 jobs.*nap endless.*a longer DRAIN_TIMEOUT")


def test_requeue_puts_back_what_is_not_done_in_time(tmp_path: Path, redis_url: str) -> None:
    """Uncharged and unchanged, whether an interrupt ends the job or it is stuck in C."""
    with Station(
        folder=tmp_path, url=redis_url, workers=3, threads=1, RESQD_TERM="requeue", DRAIN_TIMEOUT="0.5"
    ) as station:
        station.push("nap", "short", 0.2)
        station.wait_ended("short")
        for job, tag in (("nap", "endless"), ("sleep", "in-C"), ("sleep", "in-C-too")):
            station.push(job, tag, 3600)
        station.wait_begun("endless", "in-C", "in-C-too")
        station.send(TERM)
        assert station.wait() == 0
        wait_for(lambda: set(station.queued()) == {"endless", "in-C", "in-C-too"})
        assert station.failures() == {}
        raw = [json.loads(one) for one in station.redis.lrange("resque:queue:q", 0, -1)]
        assert [one.get("deliveries", 0) for one in raw] == [0, 0, 0]
        assert int(station.redis.get("resque:stat:failed") or 0) == 0
        assert station.redis.keys("resque:resqd:inflight*") == []
        station.wait_for_line("DRAIN_TIMEOUT: stopping 3 jobs, which go back to their queues")
