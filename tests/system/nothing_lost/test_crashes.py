"""Workers that die with jobs in their hands, in a real daemon: nothing is lost, and only the culprit pays."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.processes import alive
from tests.support.recorded import Record
from tests.support.waiting import wait_for
from tests.system.nothing_lost.conftest import Redis, Start, child, lost_once


def test_a_killed_workers_jobs_are_back_in_order_and_it_is_replaced(
    start: Start, store: Redis, record: Record, tmp_path: Path
) -> None:
    """SIGKILL: within a second the job that ran is charged and first again; within two another worker runs it."""
    gate = tmp_path / "gate"
    store.push("Wait", 0, str(gate))
    for number in range(1, 6):
        store.push("Nap", number)
    daemon = start()
    wait_for(lambda: record.starts()[0])
    victim = record.pids(0)[0]
    os.kill(victim, signal.SIGKILL)
    killed_at = time.monotonic()
    wait_for(lambda: record.starts()[0] == 2, 2, what="the job runs again")
    assert time.monotonic() - killed_at < 2
    gate.touch()
    wait_for(lambda: len(record.ends()) == 6)
    assert [number for number in record.order() if number] == [1, 2, 3, 4, 5]
    assert victim not in record.pids(1)
    daemon.wait_for_line(r"recovered the jobs of \S+ \(pid \d+\): 1 back to their queues")
    assert daemon.stop() == 0
    assert store.failures() == []


def test_only_what_ran_is_charged(start: Start, store: Redis, record: Record, tmp_path: Path) -> None:
    """A paused daemon shows it: the job that ran has one delivery more, those that waited keep every byte."""
    store.push("Wait", 0, str(tmp_path / "never"))
    daemon = start()
    wait_for(lambda: record.starts()[0])
    waiting = [store.push("Nap", number) for number in range(3)]
    daemon.send(signal.SIGUSR2)
    daemon.wait_for_line("paused: was running")
    os.kill(record.pids(0)[0], signal.SIGKILL)
    wait_for(lambda: len(store.queued()) == 4, 1)
    back = store.queued()
    assert back[0].startswith(b'{"deliveries":1,"class":"Wait"')
    assert back[1:] == waiting
    assert daemon.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_poison_job_is_convicted_after_three_crashes(
    start: Start, store: Redis, record: Record, number: signal.Signals
) -> None:
    """Alone in its worker: three starts, then `failed` as DirtyExit that tells its history; the daemon goes on."""
    store.push("Poison", 1, number)
    daemon = start()
    [failure] = wait_for(store.failures, 15)
    assert record.starts()[1] == 3
    assert failure["exception"] == "DirtyExit"
    assert failure["error"].startswith(
        f"Job's worker process was killed by {number.name}, the last of 3 crashes with this job"
    )
    assert (failure["queue"], failure["payload"]["class"]) == ("work", "Poison")
    store.push("Nap", 2)
    wait_for(lambda: record.ends()[2])
    wait_for(store.settled)
    assert daemon.stop() == 0


def test_siblings_of_a_poison_job_run_and_are_never_convicted(
    start: Start, store: Redis, record: Record, tmp_path: Path
) -> None:
    """Four threads: all that ran at the crash are rerun alone; the culprit dies alone twice, its siblings finish."""
    gate = tmp_path / "gate"
    for number in range(3):
        store.push("Wait", number, str(gate))
    store.push("Poison", 9, signal.SIGSEGV, 0.3)
    daemon = start(threads=4)
    wait_for(lambda: len(record.starts()) == 4)
    wait_for(lambda: sum(record.starts().values()) > 4)
    gate.touch()
    [failure] = wait_for(store.failures, 15)
    assert failure["payload"]["class"] == "Poison"
    wait_for(lambda: len(record.ends()) == 3)
    assert record.starts()[9] == 3
    wait_for(store.settled)
    assert len(store.failures()) == 1
    assert daemon.stop() == 0


def test_suspects_run_alone_and_out_of_sight_of_ruby(
    start: Start, store: Redis, record: Record, tmp_path: Path
) -> None:
    """Two jobs at a crash come back one to a process, never through their queue; they finish, charged nowhere."""
    gate = tmp_path / "gate"
    for number in range(2):
        store.push("Wait", number, str(gate))
    daemon = start(threads=2)
    wait_for(lambda: len(record.starts()) == 2)
    os.kill(record.pids(0)[0], signal.SIGKILL)
    wait_for(lambda: record.starts() == {0: 2, 1: 2}, 5)
    assert record.pids(0)[1] != record.pids(1)[1]
    assert store.queued() == []
    wait_for(lambda: len(daemon.titled("probation")) == 2)
    gate.touch()
    wait_for(lambda: len(record.ends()) == 2)
    wait_for(lambda: store.settled() and not daemon.titled("probation"))
    assert store.failures() == []
    assert store.processed() == 2
    assert daemon.stop() == 0


@pytest.mark.parametrize(("job", "environ"), [("Poison", {"ON_CRASH": "fail"}), ("PoisonOnce", {})])
def test_resques_rule_fails_a_job_at_its_first_crash(
    start: Start, store: Redis, record: Record, job: str, environ: dict[str, str]
) -> None:
    """ON_CRASH=fail for the daemon, or on_crash="fail" for the job: one start, then DirtyExit."""
    store.push(job, 1)
    daemon = start(**environ)
    [failure] = wait_for(store.failures)
    assert (failure["exception"], record.starts()[1]) == ("DirtyExit", 1)
    wait_for(store.settled)
    assert daemon.stop() == 0


def test_a_burst_with_crashes_ends_with_nothing_left(start: Start, store: Redis, record: Record) -> None:
    """INTERVAL=0: the daemon leaves when every job has run or failed, poison and its siblings included."""
    for number in range(40):
        store.push("Nap", number, 0.02)
    store.push("Poison", 98, signal.SIGKILL, 0.05)
    store.push("Poison", 99, signal.SIGSEGV)
    daemon = start("--interval", "0", threads=3, workers=2)
    assert daemon.wait(30) == 0
    assert sorted(record.ends()) == list(range(40))
    assert sorted(one["payload"]["args"][0] for one in store.failures()) == [98, 99]
    assert store.queued() == []
    wait_for(store.settled)
    daemon.expect_gone()


def test_a_killed_master_leaves_no_orphan_and_the_next_start_is_clean(
    start: Start, store: Redis, record: Record, tmp_path: Path
) -> None:
    """SIGKILL of the master: its children return their jobs uncharged and end; a new start runs them."""
    gate = tmp_path / "gate"
    store.push("Wait", 0, str(gate))
    payload = store.queued()
    first = start("--kill-grace", "0.5", threads=2, workers=2)
    wait_for(lambda: record.starts()[0])
    first.tree()
    first.process.kill()
    first.expect_gone(5)
    [back] = store.queued()
    assert back == b'{"deliveries":0,"recoveries":1,' + payload[0][1:]
    gate.touch()
    second = start()
    wait_for(lambda: record.ends()[0] == 1)
    assert second.stop() == 0
    wait_for(store.settled)


def test_a_master_and_its_worker_killed_at_once_lose_nothing(
    start: Start, store: Redis, record: Record, tmp_path: Path
) -> None:
    """Nobody is left to tell how the worker died: the housekeeper sees that it is gone and takes its jobs back."""
    gate = tmp_path / "gate"
    store.push("Wait", 0, str(gate))
    payload = store.queued()
    first = start()
    wait_for(lambda: record.starts()[0])
    first.tree()
    first.process.kill()
    os.kill(record.pids(0)[0], signal.SIGKILL)
    first.expect_gone(5)
    assert store.queued() == lost_once(payload)
    gate.touch()
    second = start()
    wait_for(lambda: record.ends()[0] == 1, 5)
    assert second.stop() == 0
    wait_for(store.settled)


def test_a_whole_daemon_killed_at_once_loses_nothing(
    start: Start, store: Redis, record: Record, tmp_path: Path
) -> None:
    """Nobody is left at all: the next start sees that the worker is gone and takes its jobs back."""
    gate = tmp_path / "gate"
    store.push("Wait", 0, str(gate))
    first = start()
    wait_for(lambda: record.starts()[0])
    os.kill(first.pid, signal.SIGSTOP)  # so that it forks no other
    for one in reversed(first.tree()):
        one.kill()
    first.expect_gone(5)
    assert store.queued() == []
    gate.touch()
    second = start()
    wait_for(lambda: record.ends()[0] == 1, 5)
    assert second.stop() == 0
    wait_for(store.settled)


def test_a_housekeeper_killed_with_a_worker_loses_no_recovery(
    start: Start, store: Redis, record: Record, tmp_path: Path
) -> None:
    """The notice of the death dies with the housekeeper; its successor is told again, and charges as it should."""
    gate = tmp_path / "gate"
    store.push("Wait", 0, str(gate))
    daemon = start()
    wait_for(lambda: record.starts()[0])
    housekeeper = child(daemon, "housekeeper")
    housekeeper.suspend()
    os.kill(record.pids(0)[0], signal.SIGKILL)
    daemon.wait_for_line(r"was killed by SIGKILL")
    housekeeper.kill()
    wait_for(lambda: record.starts()[0] == 2, 5)
    [entry] = store.in_flight()
    assert entry.startswith(b'4:work{"deliveries":1,')
    gate.touch()
    wait_for(lambda: record.ends()[0] == 1)
    assert daemon.stop() == 0
    assert not alive(housekeeper.pid)
