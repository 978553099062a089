"""The table of signals: to the master they reach all workers, to a worker that one alone; the last intent wins."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.processes import title
from tests.support.station import GRACE, Station
from tests.support.waiting import wait_for

TERM, INT, QUIT = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT
USR1, USR2, CONT, KILL = signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT, signal.SIGKILL
BOUND = GRACE + 2.0
"""Seconds within which a stop has ended whatever runs."""


def wait_states(station: Station, *states: str) -> None:
    """Until the workers, by index, say that they are in these states."""
    wait_for(
        lambda: [worker["state"] for worker in station.workers()] == list(states), what=f"states {states}"
    )


def test_usr2_pauses_all_workers_and_cont_resumes_them(tmp_path: Path, redis_url: str) -> None:
    """While paused a daemon takes nothing, and says so in its status and titles; afterwards it goes on."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.push("nap", "running", 0.5)
        station.wait_begun("running")
        station.send(USR2)
        wait_for(lambda: station.status()["state"] == "paused")
        station.push("quick", "waiting")
        station.wait_ended("running")
        wait_for(lambda: len(station.titled("Paused")) == 2, what="both workers' titles say Paused")
        wait_for(lambda: station.queued() == ["waiting"], what="what was on its way to a worker is back")
        station.send(CONT)
        station.wait_ended("waiting")
        assert station.status()["state"] == "running"


def test_a_signal_to_one_worker_is_for_it_alone(tmp_path: Path, redis_url: str) -> None:
    """USR2, CONT, USR1, QUIT and TERM: the other worker never notices; who leaves is replaced."""
    with Station(folder=tmp_path, url=redis_url, threads=1) as station:
        first, second = station.pids()
        station.kick(first, USR2)
        wait_states(station, "paused", "running")
        station.push("nap", "one", 60)
        station.wait_begun("one")
        assert station.worker_of("one") == second
        station.kick(first, CONT)
        wait_states(station, "running", "running")
        station.push("nap", "two", 60)
        station.wait_begun("two")
        station.kick(second, USR1)
        wait_for(lambda: station.failures() == {"one": "DirtyExit"}, BOUND)
        station.push("nap", "three", 0.7)
        station.wait_begun("three")
        station.kick(second, QUIT)
        wait_for(lambda: second not in station.pids(), what="the drained worker is replaced")
        assert station.notes("ended") == ["three"]
        station.kick(first, TERM)
        wait_for(lambda: first not in station.pids() and station.all_booted(), BOUND)
        assert station.failures() == {"one": "DirtyExit", "two": "DirtyExit"}
        assert len(station.pids()) == 2


def test_the_masters_intent_reaches_a_worker_that_was_paused_alone(tmp_path: Path, redis_url: str) -> None:
    """CONT to the master resumes every worker, also one that was paused by a signal of its own."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.kick(station.pids()[0], USR2)
        wait_states(station, "paused", "running")
        station.send(CONT)
        wait_states(station, "running", "running")


def test_a_worker_forked_while_paused_is_born_paused(tmp_path: Path, redis_url: str) -> None:
    """The intent outlives the worker: its successor takes nothing until the pause ends."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.call("pause")
        (old,) = station.pids()
        station.kick(old, KILL)
        wait_for(lambda: station.pids() != [old] and station.all_booted(), what="it is replaced")
        assert station.workers()[0]["state"] == "paused"
        station.push("quick", "waiting")
        time.sleep(0.5)  # long enough for a worker that is not paused: it would poll several times
        assert station.queued() == ["waiting"]
        station.call("resume")
        station.wait_ended("waiting")


def test_usr1_also_ends_a_pause(tmp_path: Path, redis_url: str) -> None:
    """USR1 kills what runs and goes on processing, paused or not."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push("nap", "running", 60)
        station.wait_begun("running")
        station.send(USR2)
        wait_for(lambda: station.status()["state"] == "paused")
        station.push("quick", "waiting")
        station.send(USR1)
        station.wait_ended("waiting")
        wait_for(lambda: station.failures() == {"running": "DirtyExit"}, BOUND)


def test_quit_lets_jobs_finish_and_starts_none(tmp_path: Path, redis_url: str) -> None:
    """QUIT: current jobs end by themselves, what waits stays in the queue, nothing is in flight at the end."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        for tag in ("one", "two"):
            station.push("nap", tag, 0.7)
        station.wait_begun("one", "two")
        station.push("quick", "three")
        station.send(QUIT)
        assert station.wait() == 0
        station.expect_gone()
        assert sorted(station.notes("ended")) == ["one", "two"]
        assert station.queued() == ["three"]
        assert station.failures() == {}
        assert station.redis.keys("resque:resqd:inflight*") == []


def test_cont_after_quit_changes_nothing(tmp_path: Path, redis_url: str) -> None:
    """As systemd sends them: the drain goes on, and ends."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.push("nap", "running", 0.7)
        station.wait_begun("running")
        station.send(QUIT)
        station.send(CONT)
        assert station.wait() == 0
        assert station.notes("ended") == ["running"]


def test_a_drain_is_bounded(tmp_path: Path, redis_url: str) -> None:
    """After DRAIN_TIMEOUT the jobs that still run are killed as by TERM."""
    with Station(folder=tmp_path, url=redis_url, DRAIN_TIMEOUT="0.7") as station:
        station.push("nap", "endless", 3600)
        station.push("sleep", "in-C", 3600)
        station.wait_begun("endless", "in-C")
        began = time.monotonic()
        station.send(QUIT)
        assert station.wait() == 0
        assert 0.7 < time.monotonic() - began < 0.7 + BOUND
        assert station.failures() == {"endless": "DirtyExit", "in-C": "DirtyExit"}


def test_a_drain_can_be_taken_back(tmp_path: Path, redis_url: str) -> None:
    """`resume` during a drain: the same workers go on, no more of them than before, and nothing was killed."""
    with Station(folder=tmp_path, url=redis_url) as station:
        pids = station.pids()
        for tag in ("one", "two"):  # one in each worker, or both in one: idle workers leave at once
            station.push("nap", tag, 1.5)
        station.wait_begun("one", "two")
        busy = {station.worker_of("one"), station.worker_of("two")}
        station.call("drain")
        wait_for(lambda: set(station.pids()) <= busy, what="idle workers have left")
        assert station.call("resume")["state"] == "running"
        station.push("quick", "after")
        station.wait_ended("after")
        wait_for(lambda: len(station.pids()) == 2 and station.all_booted())
        station.wait_ended("one", "two")
        assert busy <= set(station.pids())
        assert busy <= set(pids)
        assert station.failures() == {}


@pytest.mark.parametrize("storm", [[TERM] * 5, [QUIT, TERM], [USR2, TERM], [INT, CONT], [TERM, QUIT, CONT]])
def test_a_stop_stands_whatever_else_comes(
    tmp_path: Path, redis_url: str, storm: list[signal.Signals]
) -> None:
    """However TERM or INT is mixed with others, the daemon ends in time and leaves no process and no job behind."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.push("sleep", "in-C", 3600)
        station.push("nap", "in-Python", 3600)
        station.wait_begun("in-C", "in-Python")
        began = time.monotonic()
        for number in storm:
            station.send(number)
        assert station.wait() == 0
        station.expect_gone()
        assert time.monotonic() - began < BOUND
        # A second TERM kills at once, maybe before an interrupted job is recorded: then it is back in its queue.
        assert sorted([*station.failures(), *station.queued()]) == ["in-C", "in-Python"]
        assert storm.count(TERM) > 1 or station.queued() == []


def test_a_second_term_kills_at_once(tmp_path: Path, redis_url: str) -> None:
    """KILL_GRACE is not waited for."""
    with Station(folder=tmp_path, url=redis_url, KILL_GRACE="30") as station:
        station.push("sleep", "in-C", 3600)
        station.wait_begun("in-C")
        station.send(TERM)
        station.wait_for_line("stopping: was running")
        began = time.monotonic()
        station.send(TERM)
        assert station.wait() == 0
        assert time.monotonic() - began < 2
        assert station.failures() == {"in-C": "DirtyExit"}


@pytest.mark.parametrize(("last", "state"), [(USR2, "paused"), (CONT, "running")])
def test_of_alternating_signals_the_last_one_counts(
    tmp_path: Path, redis_url: str, last: signal.Signals, state: str
) -> None:
    """After a hundred USR2 and CONT by turns, master and workers are where the last one told them to be."""
    with Station(folder=tmp_path, url=redis_url) as station:
        for _ in range(50):
            for number in (USR2, CONT):
                station.process.send_signal(number)
                time.sleep(0.001)  # sent while the one before is pending, it could be handled before that
        station.wait_for_line("got SIGCONT")
        wait_for(lambda: station.status()["state"] == "running")
        station.send(last)
        wait_for(lambda: station.status()["state"] == state)
        wait_states(station, state, state)
        station.push("quick", "proof")
        if last is CONT:
            station.wait_ended("proof")
        else:
            assert station.queued() == ["proof"]


def test_ctrl_c_reaches_the_workers_through_the_master_only(tmp_path: Path, redis_url: str) -> None:
    """The terminal's INT to the whole group is one orderly stop, and HUP to a worker is nothing."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.push("nap", "running", 3600)
        station.wait_begun("running")
        for pid in station.pids():
            station.kick(pid, signal.SIGHUP)
            station.kick(pid, INT)
        time.sleep(0.2)  # a worker that obeyed would have killed its job by now
        assert station.failures() == {}
        os.killpg(station.pid, INT)
        assert station.wait() == 0
        station.expect_gone()
        assert station.failures() == {"running": "DirtyExit"}
        assert station.notes("finally") == ["running"]


def test_titles_tell_the_processes_apart(tmp_path: Path, redis_url: str) -> None:
    """What ps shows: the master with its totals, each worker with what it runs, the housekeeper."""
    with Station(folder=tmp_path, url=redis_url, RESQUE_PROCLINE_PREFIX="web1-") as station:
        station.push("nap", "running", 60)
        station.wait_begun("running")
        expected = [
            "web1-resqd-1.0 (resque-1.0): master [resqd] 2 workers, 1 running, 0/s",
            "web1-resqd-1.0: housekeeper",
            "web1-resqd-1.0: worker 0 Processing: nap",
            "web1-resqd-1.0: worker 0 Waiting for q",
            "web1-resqd-1.0: worker 1 Processing: nap",
            "web1-resqd-1.0: worker 1 Waiting for q",
        ]
        wait_for(
            lambda: sum(title(one).rstrip() in expected for one in station.tree()) == 4,
            what="all four titles",
        )


def test_threads_have_names_that_top_shows(tmp_path: Path, redis_url: str) -> None:
    """`top -H` tells the fetcher and the job threads apart, which start as jobs need them."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        tasks = Path(f"/proc/{station.pids()[0]}/task")

        def names() -> set[str]:
            return {(task / "comm").read_text().strip() for task in tasks.iterdir()}

        wait_for(lambda: "fetcher" in names())
        assert not any(name.startswith("job-") for name in names())
        station.push("nap", "one", 60)
        station.push("nap", "two", 60)
        wait_for(lambda: names() >= {"fetcher", "job-0", "job-1"})
