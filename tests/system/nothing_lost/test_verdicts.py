"""Deaths that nobody would be charged for, in a real daemon: none of them repeats a job without end."""

import resource
import signal
from pathlib import Path

import psutil

from tests.support.processes import tree
from tests.support.recorded import Record
from tests.support.waiting import wait_for
from tests.system.nothing_lost.conftest import Redis, Start, child

SUSPECTS = "resque:resqd:suspects:one.example/resqd"


def test_a_job_that_stops_its_own_process_is_convicted(start: Start, store: Redis, record: Record) -> None:
    """It is charged for the kill at HANG_TIMEOUT as for a crash: its last delivery is its last start."""
    store.push("Poison", 1, signal.SIGSTOP)
    store.push("Nap", 2)
    daemon = start(HANG_TIMEOUT="1", MAX_DELIVERIES="1")
    [failure] = wait_for(store.failures, 15)
    assert (failure["exception"], failure["payload"]["class"]) == ("DirtyExit", "Poison")
    wait_for(lambda: record.ends()[2] == 1)
    assert record.starts()[1] == 1
    wait_for(store.settled)
    assert daemon.stop() == 0


def test_what_kills_every_process_that_fetches_it_fails_without_a_start(
    start: Start, store: Redis, record: Record, tmp_path: Path
) -> None:
    """As the kernel does when memory runs out: the job comes to probation, and is charged there for its fetching."""
    fault = tmp_path / "fault"
    store.push("Nap", 1)
    daemon = start(fault=f"after-reserve:{fault}", MAX_DELIVERIES="2")

    def killed_again() -> bool:
        fault.touch()
        return bool(store.failures())

    wait_for(killed_again, 20)
    fault.unlink(missing_ok=True)
    [failure] = store.failures()
    assert (failure["exception"], failure["payload"]["args"]) == ("DirtyExit", [1])
    assert (
        "was killed by SIGKILL before the job began, the last of 3 crashes with this job" in failure["error"]
    )
    store.push("Nap", 2)
    wait_for(lambda: record.ends()[2] == 1)
    assert record.starts()[1] == 0
    wait_for(store.settled)
    assert daemon.stop() == 0


def test_a_payload_without_the_memory_for_it_fails_and_the_job_behind_it_runs(
    start: Start, store: Redis, record: Record
) -> None:
    """No process of the daemon can take it in, the housekeeper as little as the workers; the record has a preview."""
    daemon = start(MAX_DELIVERIES="2")
    child(daemon)
    store.push("Nap", 1)
    wait_for(lambda: record.ends()[1] == 1)
    for process in tree(daemon.pid):
        limit = process.memory_info().vms + (40 << 20)
        process.rlimit(psutil.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    store.push_raw(b'{"class":"Size","args":[7,"' + b"x" * (48 << 20) + b'"]}')
    store.push("Nap", 2)
    [failure] = wait_for(store.failures, 12)
    wait_for(lambda: record.ends()[2] == 1)
    assert (failure["exception"], record.starts()[7]) == ("DirtyExit", 0)
    assert failure["payload"]["class"].startswith("(payload of 503317")
    assert failure["payload"]["class"].endswith("Size")
    wait_for(store.settled)
    assert daemon.stop() == 0


def test_a_job_that_kills_its_master_fails_in_the_end(start: Start, store: Redis, record: Record) -> None:
    """No master is left to tell, and the count of what was forgiven outlives them all."""
    store.push("PoisonMaster", 1)
    for _ in range(3):
        daemon = start("--kill-grace", "0.2", MAX_DELIVERIES="2")
        daemon.tree()
        daemon.wait()
        daemon.expect_gone()
    daemon = start(MAX_DELIVERIES="2")
    wait_for(lambda: daemon.titled("housekeeper"))
    wait_for(store.failures)
    [failure] = store.failures()
    assert (failure["exception"], failure["payload"]["class"]) == ("DirtyExit", "PoisonMaster")
    assert record.starts()[1] == 3
    wait_for(store.settled)
    assert daemon.stop() == 0


def test_resques_rule_convicts_no_sibling(start: Start, store: Redis, record: Record, tmp_path: Path) -> None:
    """ON_CRASH=fail, three jobs beside one that kills: all run alone next, and the one that dies alone fails."""
    gate = tmp_path / "gate"
    for number in range(3):
        store.push("Wait", number, str(gate))
    store.push("Poison", 9, signal.SIGSEGV, 0.3)
    daemon = start(threads=4, ON_CRASH="fail")
    wait_for(lambda: len(record.starts()) == 4)
    wait_for(lambda: sum(record.starts().values()) > 4)
    gate.touch()
    [failure] = wait_for(store.failures, 15)
    assert failure["payload"]["class"] == "Poison"
    wait_for(lambda: len(record.ends()) == 3)
    assert record.starts()[9] == 2
    wait_for(store.settled)
    assert len(store.failures()) == 1
    assert daemon.stop() == 0


def test_only_the_cap_of_its_own_queue_makes_a_suspect_wait(
    start: Start, store: Redis, record: Record, tmp_path: Path
) -> None:
    """Beside a long job of a full queue the suspects of others begin at once, and that queue's own when it ends."""
    slow, gate = tmp_path / "slow", tmp_path / "gate"
    long = store.push("Wait", 0, str(slow))
    store.client.rpoplpush("resque:queue:work", "resque:queue:slow")
    daemon = start("--queues", "slow:1,work", threads=2)
    wait_for(lambda: record.starts()[0])
    suspects = [
        (b"4:slow", long.replace(b"[0,", b"[1,")),
        *((b"4:work", long.replace(b"[0,", b"[%d," % n)) for n in (2, 3)),
    ]
    store.client.rpush(SUSPECTS, *(queue + job.replace(bytes(slow), bytes(gate)) for queue, job in suspects))
    child(daemon, "housekeeper").kill()  # its successor counts the suspects
    wait_for(lambda: record.starts()[2] == record.starts()[3] == 1, 5)
    assert record.starts()[1] == 0
    gate.touch()
    wait_for(lambda: record.ends()[2] == record.ends()[3] == 1)
    assert (record.starts()[1], record.ends()[0]) == (0, 0)
    slow.touch()
    wait_for(lambda: record.ends()[1] == 1, 5)
    wait_for(store.settled)
    assert daemon.stop() == 0


def test_a_long_suspect_holds_up_no_other(start: Start, store: Redis, record: Record, tmp_path: Path) -> None:
    """One that runs is not taken for one that waits: the next begins beside it, alone in a process of its own."""
    gate = tmp_path / "gate"
    jobs = [store.push("Wait", 0, str(gate)), store.push("Nap", 1)]
    store.client.delete("resque:queue:work")
    store.client.rpush(SUSPECTS, b"4:work" + jobs[0])
    daemon = start()
    wait_for(lambda: record.starts()[0])
    store.client.rpush(SUSPECTS, b"4:work" + jobs[1])
    child(daemon, "housekeeper").kill()  # its successor counts the suspects
    wait_for(lambda: record.ends()[1] == 1, 5)
    assert record.ends()[0] == 0
    gate.touch()
    wait_for(store.settled)
    assert daemon.stop() == 0
