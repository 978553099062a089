"""How much a worker reserves: the pace, the target, and whole workers simulated on a clock of the test's own."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from resqd.worker.prefetch import HORIZON, MOST, REST, STUCK_AFTER, Prefetch


def test_idle_threads_always_get_jobs() -> None:
    """Whatever the pace, each idle thread has a job reserved for it."""
    assert Prefetch(0.0).want(unfinished=0, slots=8, permits=None, now=0.0) == 8
    assert Prefetch(0.0).want(unfinished=7, slots=8, permits=None, now=0.0) == 1
    assert Prefetch(0.0).want(unfinished=8, slots=8, permits=None, now=0.0) == 0


def test_permits_bound_every_reserve() -> None:
    """A worker never reserves beyond what is left of JOBS_PER_FORK."""
    assert Prefetch(0.0, pace=1e6).want(unfinished=0, slots=8, permits=3, now=0.0) == 3
    assert Prefetch(0.0, pace=1e6).want(unfinished=0, slots=8, permits=0, now=0.0) == 0


def test_buffer_is_bounded() -> None:
    """However fast the jobs are, no more than MOST wait."""
    assert Prefetch(0.0, pace=1e9).target(8) == 8 + MOST


def test_nothing_is_wanted_while_half_of_the_target_is_there() -> None:
    """Reserves come in batches, not one job at a time."""
    prefetch = Prefetch(0.0, pace=1000 / HORIZON)
    assert prefetch.want(unfinished=8 + 501, slots=8, permits=None, now=0.0) == 0
    assert prefetch.want(unfinished=8 + 499, slots=8, permits=None, now=0.0) == 501


def test_pace_is_forgotten_after_a_rest() -> None:
    """A worker that had short jobs and rested takes one job for each thread, since the next ones may be long."""
    prefetch = Prefetch(0.0)
    prefetch.measure(1000, 0.020, slots=8)
    assert prefetch.want(unfinished=0, slots=8, permits=None, now=0.020 + REST / 2) > 100
    assert prefetch.want(unfinished=0, slots=8, permits=None, now=0.020 + REST) == 8


def test_an_inherited_pace_holds_until_a_rest() -> None:
    """A worker takes up its predecessor's pace at once, unless it has waited meanwhile, or may run nothing yet."""
    assert Prefetch(1.0, pace=1000 / HORIZON).want(unfinished=0, slots=8, permits=None, now=1.01) == 1008
    assert Prefetch(1.0, pace=1000 / HORIZON).want(unfinished=0, slots=8, permits=None, now=1.0 + REST) == 8
    assert Prefetch(1.0, pace=1000 / HORIZON).want(unfinished=0, slots=0, permits=None, now=1.01) == 0


def test_the_time_before_the_first_job_is_no_slowness() -> None:
    """The pace is judged from when jobs came, but not anew with each one that trickles in."""
    prefetch = Prefetch(0.0)
    prefetch.begin(0.040)
    prefetch.measure(100, 0.041, slots=8)
    assert prefetch.pace == pytest.approx(100 / 0.001 / 2)
    trickle = Prefetch(0.0, pace=1e5)
    for number in range(1, 41):
        trickle.begin(number * 0.010)
        trickle.measure(1, number * 0.010 + 0.0001, slots=8)
    assert trickle.pace < 200


def test_ends_within_a_moment_are_no_pace() -> None:
    """Eight jobs of 50 ms that end together make 160 jobs/s, not thousands."""
    prefetch = Prefetch(0.0)
    now = 0.0
    for _ in range(20):
        now += 0.050
        prefetch.measure(1, now, slots=8)
        prefetch.measure(7, now + 0.001, slots=8)
    assert prefetch.pace == pytest.approx(160, rel=0.2)


@dataclass
class Worker:
    """A worker with `slots` threads on simulated time; its fetcher is asked after every end of a job."""

    slots: int
    length: Callable[[], float]
    now: float = 0.0
    prefetch: Prefetch = field(default_factory=lambda: Prefetch(0.0))
    running: list[float] = field(default_factory=list)
    buffer: list[float] = field(default_factory=list)
    completed: int = 0
    returned: int = 0
    longest_wait: float = 0.0

    def fetch(self) -> None:
        if self.buffer and self.now - self.buffer[0] >= STUCK_AFTER:
            self.prefetch.stuck()
            self.returned += len(self.buffer)
            self.buffer.clear()
        unfinished = len(self.running) + len(self.buffer)
        want = self.prefetch.want(unfinished=unfinished, slots=self.slots, permits=None, now=self.now)
        self.buffer += [self.now] * want

    def begin(self) -> None:
        while self.buffer and len(self.running) < self.slots:
            self.longest_wait = max(self.longest_wait, self.now - self.buffer.pop(0))
            heapq.heappush(self.running, self.now + self.length())

    def run(self, seconds: float) -> None:
        while self.now < seconds:
            self.fetch()
            self.begin()
            self.now = max(self.now, heapq.heappop(self.running))
            self.completed += 1
            self.prefetch.measure(1, self.now, slots=self.slots)


@pytest.mark.parametrize("slots", [1, 8, 64])
@pytest.mark.parametrize("length", [0.050, 1.0])
def test_long_jobs_never_wait_behind_busy_threads(slots: int, length: float) -> None:
    """Jobs of 50 ms or of a second wait no longer than STUCK_AFTER in any worker; then they go to others."""
    worker = Worker(slots, length=lambda: length)
    worker.run(30 * length)
    assert worker.longest_wait <= STUCK_AFTER + length / slots
    assert worker.completed >= 0.9 * 30 * slots


def test_short_jobs_come_by_hundreds() -> None:
    """With jobs of 10 microseconds the buffer soon holds a thousand, so that reserves are few."""
    worker = Worker(8, length=lambda: 0.00001)
    worker.run(0.2)
    assert len(worker.buffer) >= 500


@pytest.mark.parametrize("seed", range(5))
def test_mixed_lengths_keep_every_thread_busy(seed: int) -> None:
    """Of jobs between a tenth of a millisecond and a second all threads run all the time, and none waits for long."""
    draw = random.Random(seed)
    worker = Worker(8, length=lambda: draw.choice([0.0001, 0.001, 0.010, 0.100, 1.0]))
    worker.run(20.0)
    mean = sum([0.0001, 0.001, 0.010, 0.100, 1.0]) / 5
    assert worker.completed >= 0.8 * 8 * 20.0 / mean
