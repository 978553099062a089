"""What `resqctl pause`, `resume` and `drain` answer is true when it is read: each worker has confirmed it."""

import json
import os
import signal
import struct
import time
from pathlib import Path

import pytest

from resqd.cli.client import RefusedError
from resqd.master.commands.steering import CONFIRM_TIMEOUT
from tests.support.station import Station
from tests.support.waiting import wait_for

STAMP = struct.Struct("d")
STAMPING = """

from struct import pack

stamps = os.open(os.environ["STAMPS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@job
def stamp() -> None:
    began = time.monotonic()
    os.write(stamps, pack("d", began))
    sum(range(2000))


@app.hooks.after_pause
def again() -> None:
    time.sleep(float(os.environ["AFTER_PAUSE"]))
"""


class Stamped(Station):
    """A station whose jobs write down when they began, by the clock that all processes share."""

    def __init__(self, *, folder: Path, url: str, after_pause: float = 0) -> None:
        self.stamps = folder / "stamps"
        super().__init__(folder=folder, url=url, STAMPS=str(self.stamps), AFTER_PAUSE=str(after_pause))
        self.code.write_text(self.code.read_text() + STAMPING)

    def began(self) -> list[float]:
        """When jobs have begun, in the order of writing."""
        data = self.stamps.read_bytes() if self.stamps.exists() else b""
        return [moment for (moment,) in STAMP.iter_unpack(data[: len(data) // 8 * 8])]

    def fill(self, count: int) -> None:
        payload = json.dumps({"class": "stamp", "args": []})
        self.redis.sadd("resque:queues", "q")
        self.redis.rpush("resque:queue:q", *[payload] * count)


def test_no_job_begins_once_pause_has_answered(tmp_path: Path, redis_url: str) -> None:
    """Pause and resume by turns under a flood of short jobs: none begins between a pause's answer and the resume."""
    with Stamped(folder=tmp_path, url=redis_url) as station:
        silences: list[tuple[float, float]] = []
        for _ in range(40):
            if station.redis.llen("resque:queue:q") < 5000:
                station.fill(5000)
            before = len(station.began())
            wait_for(lambda seen=before: len(station.began()) > seen, what="jobs begin", every=0.001)  # type: ignore[misc] # lambda default
            assert station.call("pause")["state"] == "paused"
            answered = time.monotonic()
            time.sleep(0.01)  # the span that is looked at, not a wait for anything
            silences.append((answered, time.monotonic()))
            station.call("resume")
        station.call("pause")
        began = station.began()
        broken = [(moment - start) for start, end in silences for moment in began if start < moment < end]
        assert not broken
        assert station.failures() == {}


def test_a_worker_that_cannot_confirm_is_named(tmp_path: Path, redis_url: str) -> None:
    """One that is stopped does not: after a second the answer names it, with status 1; the order stands."""
    with Station(folder=tmp_path, url=redis_url) as station:
        stopped = station.workers()[1]["pid"]
        station.kick(stopped, signal.SIGSTOP)
        began = time.monotonic()
        expected = (
            rf"^paused, but not confirmed within 1 s by worker 1 \(pid {stopped}\): it may still begin jobs"
        )
        with pytest.raises(RefusedError, match=expected):
            station.call("pause")
        assert CONFIRM_TIMEOUT <= time.monotonic() - began < CONFIRM_TIMEOUT + 1
        assert station.status()["state"] == "paused"
        began = time.monotonic()
        assert station.call("resume", wait=0)["state"] == "running"
        assert time.monotonic() - began < CONFIRM_TIMEOUT
        station.kick(stopped, signal.SIGCONT)
        wait_for(lambda: station.call("resume")["state"] == "running")
        assert station.call("pause")["state"] == "paused"


def test_a_worker_at_its_boot_is_named(tmp_path: Path, redis_url: str) -> None:
    """Until its hooks after the fork have run it has confirmed nothing."""
    (tmp_path / "slow_boot").touch()
    with Station(folder=tmp_path, url=redis_url, workers=1, wait=False) as station:
        wait_for(lambda: station.workers()[0]["pid"])
        with pytest.raises(RefusedError, match=r"worker 0 .*, which is still booting: it may still"):
            station.call("pause")
        (tmp_path / "slow_boot").unlink()
        wait_for(station.all_booted)
        assert station.call("pause")["state"] == "paused"


def test_a_worker_that_its_own_signal_called_back_is_paused_again(tmp_path: Path, redis_url: str) -> None:
    """A CONT to one worker and a pause of the daemon cross each other: the answer is true all the same."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.call("pause")
        for number in range(20):
            station.kick(station.pids()[number % 2], signal.SIGCONT)
            station.call("pause")
            station.push("quick", f"job{number}")
            time.sleep(0.02)  # the span that is looked at
            assert f"job{number}" not in station.notes("ended")
        station.call("resume")
        wait_for(lambda: len(station.notes("ended")) == 20)


def test_a_resume_answers_after_the_hooks_of_the_pauses_end(tmp_path: Path, redis_url: str) -> None:
    """While an after_pause hook runs no job is taken, so the resume is not confirmed."""
    with Stamped(folder=tmp_path, url=redis_url, after_pause=0.4) as station:
        station.call("pause")
        began = time.monotonic()
        station.call("resume")
        assert 0.4 <= time.monotonic() - began < CONFIRM_TIMEOUT


def test_a_drain_answers_once_no_job_begins(tmp_path: Path, redis_url: str) -> None:
    """With a long job under way the answer comes at once, and what is queued stays there; then the daemon ends."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.push("nap", "long", 0.7)
        station.wait_begun("long")
        assert station.call("drain")["state"] == "draining"
        station.push("quick", "late")
        assert station.wait() == 0
        assert (station.notes("ended"), station.queued()) == (["long"], ["late"])


def test_a_pause_is_confirmed_while_redis_hangs(tmp_path: Path, redis_url: str) -> None:
    """The fetcher waits for an answer of Redis: what that brings will not begin, and the worker knows it at once."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.redis.client_pause(3000)
        for number in range(4):
            os.kill(station.pid, 0)
            began = time.monotonic()
            assert station.call("pause")["ok"]
            assert station.call("resume")["ok"]
            assert time.monotonic() - began < CONFIRM_TIMEOUT, number
        station.redis.client_unpause()
