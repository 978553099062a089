"""The master as a supervisor: who dies is replaced, who hangs is ended, and nothing is left open or behind."""

import os
import re
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.support.station import Station
from tests.support.waiting import wait_for

KILL, STOP, CONT, QUIT = signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT, signal.SIGQUIT


def descriptors(pid: int) -> dict[int, str]:
    """A process's open descriptors and what they are."""
    found = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(entry.name)] = os.readlink(entry)
        except FileNotFoundError:
            continue  # closed meanwhile
    return found


def test_boot_failures_are_retried_with_growing_pauses(tmp_path: Path, redis_url: str) -> None:
    """A worker that dies at boot: pauses of 1, 2, 4 s; nothing is reserved; `status` says why."""
    with Station(folder=tmp_path, url=redis_url, workers=1) as station:
        station.push("quick", "waiting")
        station.wait_acknowledged(1)
        (tmp_path / "no_boot").touch()
        station.kick(station.pids()[0], KILL)
        station.wait_for_line("died at boot; next try in 1 s", 20)
        station.push("quick", "patient")
        station.wait_for_line("died at boot; next try in 2 s", 20)
        (waiting,) = station.workers()
        assert (waiting["pid"], waiting["state"], waiting["booted"]) == (None, "waiting", False)
        assert "SystemExit: no boot today" in waiting["last_exit"]
        assert 0 < waiting["retry_in_s"] <= 2
        assert station.queued() == ["patient"]
        (tmp_path / "no_boot").unlink()
        station.wait_ended("patient")


def test_a_worker_that_does_not_get_ready_is_replaced(tmp_path: Path, redis_url: str) -> None:
    """After BOOT_TIMEOUT it is killed, and the next one may do better."""
    with Station(folder=tmp_path, url=redis_url, workers=1, BOOT_TIMEOUT="1") as station:
        (tmp_path / "slow_boot").touch()
        station.kick(station.pids()[0], KILL)
        station.wait_for_line("killing worker 0 .* was not ready within 1 s")
        (tmp_path / "slow_boot").unlink()
        station.push("quick", "next")
        station.wait_ended("next")


def test_a_stopped_worker_is_ended_and_a_busy_one_only_shown(tmp_path: Path, redis_url: str) -> None:
    """SIGSTOP: killed at HANG_TIMEOUT, its job is run again. A long call in C that uses CPU time is shown
    in `status` with its job's name, and goes on."""
    with Station(folder=tmp_path, url=redis_url, threads=1, HANG_TIMEOUT="6") as station:
        station.push("nap", "caught", 0.5)
        station.wait_begun("caught")
        stopped = station.worker_of("caught")
        station.kick(stopped, STOP)
        station.push("regex", "busy")
        station.wait_begun("busy")
        station.wait_for_line(
            rf"killing worker . \(pid {stopped}\), which runs nap caught: it was stopped for", 15
        )
        station.wait_ended("caught")
        assert station.failures() == {}
        holder = station.worker_of("busy")
        busy = wait_for(
            lambda: next((one for one in station.workers() if one["pid"] == holder and one["hung"]), None),
            what="the busy one is shown",
        )
        assert busy["hung"].startswith("silent for")
        assert busy["threads"][0]["job"]["id"] == "busy"
        texts = {one["pid"]: one["text"] for one in station.call("stacks")["stacks"]}
        assert "control thread does not get to run" in texts[busy["pid"]]
        assert "thread fetcher" in next(text for pid, text in texts.items() if pid != busy["pid"])


def test_a_fleet_that_dies_at_once_comes_back(tmp_path: Path, redis_url: str) -> None:
    """All children SIGKILLed in one moment: no zombie stays, every place is filled again within 2 s."""
    with Station(folder=tmp_path, url=redis_url, workers=16, threads=1) as station:
        old = set(station.pids())
        time.sleep(1)  # past the age at which a death is taken for one at boot
        for one in station.tree()[1:]:
            one.kill()
        wait_for(lambda: len(station.pids()) == 16 and not old & set(station.pids()), 3)
        wait_for(station.all_booted, 10)
        states = [one.status() for one in psutil.Process(station.pid).children()]
        assert psutil.STATUS_ZOMBIE not in states


def test_running_out_of_descriptors_is_waited_out(tmp_path: Path, redis_url: str) -> None:
    """The master has none left for a new child: it does not spin, the others go on, and it recovers within 1 s."""
    with Station(folder=tmp_path, url=redis_url) as station:
        first, second = station.pids()
        master = psutil.Process(station.pid)
        limits = master.rlimit(psutil.RLIMIT_NOFILE)
        master.rlimit(psutil.RLIMIT_NOFILE, (len(descriptors(station.pid)) - 3, limits[1]))
        os.kill(first, KILL)
        station.wait_for_line("cannot fork a worker: Too many open files; trying again")
        used, began = sum(master.cpu_times()[:2]), time.monotonic()
        station.push("quick", "meanwhile")
        station.wait_ended("meanwhile")
        time.sleep(1)
        assert (sum(master.cpu_times()[:2]) - used) / (time.monotonic() - began) < 0.05
        master.rlimit(psutil.RLIMIT_NOFILE, limits)
        wait_for(lambda: len(station.pids()) == 2 and station.all_booted(), 2)
        assert second in station.pids()


def test_children_of_the_application_are_left_to_it(tmp_path: Path, redis_url: str) -> None:
    """A process that the application started in the master is not reaped: its starter gets its exit status."""
    with Station(folder=tmp_path, url=redis_url, workers=1, STRANGER="1") as station:
        stranger = int(station.wait_for_line(r"stranger (\d+)")[1])
        wait_for(lambda: psutil.Process(stranger).status() == psutil.STATUS_ZOMBIE, 5)
        station.kick(station.pids()[0], KILL)
        station.wait_for_line("was killed by SIGKILL")
        wait_for(station.all_booted)
        assert psutil.Process(stranger).status() == psutil.STATUS_ZOMBIE


def test_recycling_leaves_the_master_as_it_was(tmp_path: Path, redis_url: str) -> None:
    """After two hundred forks its descriptors are the same and its memory is flat."""
    with Station("--jobs-per-fork", "1", folder=tmp_path, url=redis_url, workers=2, threads=1) as station:
        master = psutil.Process(station.pid)

        def run(count: int, name: str) -> tuple[list[str], int]:
            for number in range(count):
                station.push("quick", f"{name}{number}")
            wait_for(lambda: len(station.notes("ended")) >= total + count, 60, every=0.05)
            wait_for(lambda: station.all_booted() and len(station.pids()) <= 4)
            kinds = [re.sub(r"\d+", "N", what) for what in descriptors(station.pid).values()]
            return sorted(kinds), master.memory_info().rss

        total = 0
        run(50, "warm")
        total = 50
        kinds, memory = run(200, "more")
        assert len(kinds) < 40
        assert kinds.count("socket:[N]") <= 2 + 5
        assert memory < master.memory_info().rss + (1 << 20)
        assert station.status()["totals"]["processed"] == 250


def test_children_hold_nothing_of_the_masters(tmp_path: Path, redis_url: str) -> None:
    """Each has one socket to the master and its own to Redis; no sibling's, no control socket, no lock."""
    with Station(folder=tmp_path, url=redis_url, workers=3) as station:
        wait_for(lambda: all(worker["redis"] == "ok" for worker in station.workers()))
        masters = {what for what in descriptors(station.pid).values() if what.startswith("socket:")}
        everybody = [one.pid for one in station.tree()[1:]]
        assert len(everybody) == 4
        for pid in everybody:
            held = descriptors(pid)
            assert not masters & set(held.values()), "a socket of the master's own"
            assert not [what for what in held.values() if ".lock" in what or "resqd.sock" in what]
            assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
        sockets = [{what for what in descriptors(pid).values() if "socket:" in what} for pid in everybody]
        for index, one in enumerate(sockets):
            for other in sockets[index + 1 :]:
                assert not one & other, "a socket of a sibling's"


def test_jobs_go_on_while_the_master_is_stopped(tmp_path: Path, redis_url: str) -> None:
    """A master that stands still blocks no job, kills nobody for their silence afterwards, and knows all totals."""
    with Station(folder=tmp_path, url=redis_url, workers=2, HANG_TIMEOUT="2") as station:
        pids = station.pids()
        station.process.send_signal(STOP)
        stopped_at = time.monotonic()
        for number in range(2000):
            station.push("quick", f"job{number}")
        wait_for(lambda: len(station.notes("ended")) == 2000, 30, every=0.1)
        time.sleep(max(0.0, stopped_at + 5.5 - time.monotonic()))  # past HANG_TIMEOUT and PING_AFTER
        for pid in pids:
            os.kill(pid, STOP)  # so that nobody can speak before the master looks
        station.process.send_signal(CONT)
        time.sleep(0.5)
        for pid in pids:
            os.kill(pid, CONT)
        wait_for(lambda: station.status()["totals"]["processed"] == 2000)
        time.sleep(1)
        assert station.pids() == pids


def test_nobody_outlives_a_killed_master(tmp_path: Path, redis_url: str) -> None:
    """SIGKILL of the master: every child notices, gives back what it has, and is gone; the next daemon runs it."""
    with Station(folder=tmp_path, url=redis_url) as station:
        station.push("nap", "long", 3600)
        station.push("sleep", "in-C", 3600)
        station.wait_begun("long", "in-C")
        station.send(KILL)
        station.wait()
        station.expect_gone(5)
        assert sorted(station.queued()) == ["in-C", "long"]
        assert station.failures() == {}
    with Station(folder=tmp_path, url=redis_url) as station:
        wait_for(lambda: sorted(station.notes("begun")) == ["in-C", "in-C", "long", "long"])


@pytest.mark.parametrize("closed", [False, True], ids=["blocked", "closed"])
def test_a_log_that_nobody_reads_stops_nothing(tmp_path: Path, redis_url: str, closed: bool) -> None:
    """stdout is a pipe that is full, or whose reader is gone: the master goes on and can be steered."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writer, False)
    try:
        while os.write(writer, b"x" * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(writer, True)
    with Station(folder=tmp_path, url=redis_url, stdout=writer, LOGGING="debug") as station:
        if closed:
            os.close(reader)
        for number in range(20):
            station.call("pause" if number % 2 else "resume")
        station.call("resume")
        station.push("quick", "ran")
        station.wait_ended("ran")
        station.kick(station.pids()[0], KILL)
        wait_for(station.all_booted)
        assert station.stop(QUIT) == 0
    os.close(writer)
    if not closed:
        os.close(reader)


def test_a_daemon_answers_and_leaves_while_redis_is_down(tmp_path: Path, redis_url: str) -> None:
    """`status` is quick and says what is wrong; a drain and a stop end in time."""
    nowhere = f"unix://{tmp_path}/nowhere.sock"
    for command in ("drain", "stop"):
        with Station(folder=tmp_path, url=redis_url, REDIS_URL=nowhere, wait=False) as station:
            wait_for(lambda: "nowhere.sock" in station.status()["housekeeper"]["redis"])
            began = time.monotonic()
            station.status()
            assert time.monotonic() - began < 0.1
            wait_for(lambda: all(worker["booted"] for worker in station.workers()))
            station.call(command)
            assert station.wait(10) == 0
            station.expect_gone()
