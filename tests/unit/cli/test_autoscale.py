"""How many workers are wanted."""

import heapq
import random

import pytest

from resqd.cli.autoscale import Bounds, Load, load_of, wanted
from resqd.store.history.reader import Point
from resqd.store.history.row import QueueLooks, Row

BOUNDS = Bounds(threads=1, goal=1.0, least=0, most=1_000)


def point(at: int, ended: int, seconds: float, length: int) -> Point:
    """A minute of the history."""
    row = Row(queues={"q": QueueLooks(length, length, 0.0)})
    counts = row.of_class("A")
    counts.succeeded = ended
    counts.ran.add([seconds] * min(1, ended), ended)
    return Point(at, 60, row)


def test_what_came_is_what_ended_and_by_how_much_queues_grew() -> None:
    """A fleet that falls behind ends less than comes."""
    load = load_of([point(0, 600, 0.5, 0), point(60, 600, 0.5, 300)], waiting=600)
    assert load == Load(15.0, 0.5, 600)
    assert load_of([], waiting=3) == Load(0.0, None, 3)


def waits(load: Load, threads: int, jobs: int = 20_000) -> list[float]:
    """How long jobs wait that come at random and run for random times on so many threads."""
    dice = random.Random(1)
    free = [0.0] * threads
    now, waited = 0.0, []
    for _ in range(jobs):
        now += dice.expovariate(load.arrivals)
        begin = max(now, heapq.heappop(free))
        waited.append(begin - now)
        heapq.heappush(free, begin + dice.expovariate(1 / (load.run or 1)))
    return sorted(waited)


@pytest.mark.parametrize("arrivals", [0.5, 5.0, 50.0, 500.0])
def test_jobs_begin_within_the_goal(arrivals: float) -> None:
    """A model: 95 of 100 jobs do, and with a fifth fewer threads than half of the reserve they would not stay so."""
    load = Load(arrivals, 0.4, 0)
    threads = wanted(load, BOUNDS)
    found = waits(load, threads)
    assert found[int(0.95 * len(found))] < BOUNDS.goal
    assert threads < 2 * arrivals * 0.4 + 3


def test_what_waits_has_begun_by_then() -> None:
    """1,000 jobs of 0.1 s within 10 s are 10 threads."""
    assert wanted(Load(0.0, 0.1, 1_000), Bounds(1, 10.0, 0, 99)) == 10
    assert wanted(Load(0.0, 0.1, 1_000), Bounds(4, 10.0, 0, 99)) == 3


def test_bounds_hold() -> None:
    """And an idle fleet may be none at all, but not where something waits."""
    assert wanted(Load(0.0, None, 0), BOUNDS) == 0
    assert wanted(Load(0.0, None, 5), BOUNDS) == 1
    assert wanted(Load(0.001, 0.001, 0), BOUNDS) == 1
    assert wanted(Load(1e6, 10.0, 0), Bounds(1, 1.0, 0, 7)) == 7
    assert wanted(Load(0.0, 1.0, 0), Bounds(1, 1.0, 3, 7)) == 3
