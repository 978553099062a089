"""Who is killed as an orphan and who is not, with a real process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from resqd.housekeeper.orphans import Orphans
from resqd.store.inflight.incarnation import Incarnation, this_place, this_process
from tests.support.processes import alive

GRACE = 5.0


def started(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[19])


@pytest.fixture
def worker() -> Iterator[Incarnation]:
    """A process that sleeps, as a worker whose master has ended."""
    dead = os.fork()
    if dead == 0:
        os._exit(0)
    os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)
    master = (dead, started(dead))
    os.waitpid(dead, 0)
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(1)
    yield Incarnation("one.example/resqd", "e", 1, pid, started(pid), this_place(), master)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


class Looks:
    """Looks at one incarnation at the times given."""

    def __init__(self) -> None:
        self.now = 0.0
        self.orphans = Orphans(grace=GRACE, clock=lambda: self.now)

    def at(self, now: float, incarnation: Incarnation) -> bool:
        self.now = now
        assert self.orphans.lingers(incarnation) is not self.orphans.ended(incarnation)
        return self.orphans.ended(incarnation)


def test_an_orphan_is_killed_when_its_grace_is_over(worker: Incarnation) -> None:
    """Not before, counted from the first look; a stopped one as well; only then its jobs may run again."""
    os.kill(worker.pid, signal.SIGSTOP)
    looks = Looks()
    assert not looks.at(100.0, worker)
    assert not looks.at(100.0 + GRACE - 0.1, worker)
    assert alive(worker.pid)
    assert looks.at(100.0 + GRACE, worker)
    assert not alive(worker.pid)


@pytest.mark.parametrize(
    "case", ["its master lives", "its master is not known", "another machine", "its pid is reused"]
)
def test_nobody_else_is(worker: Incarnation, case: str) -> None:
    """Whatever the time: a living daemon's worker, an older release's, a foreign one, one that has its pid now."""
    facts = {
        "its master lives": replace(worker, master=this_process()),
        "its master is not known": replace(worker, master=(0, 0)),
        "another machine": replace(worker, place="elsewhere"),
        "its pid is reused": replace(worker, start_time=worker.start_time - 1),
    }
    orphans = Orphans(grace=0.0, clock=lambda: 1e9)
    assert [orphans.ended(facts[case]) for _ in range(3)] == [case == "its pid is reused"] * 3
    assert not orphans.lingers(facts[case])
    assert alive(worker.pid)
