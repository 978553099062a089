"""In which order queues have their turn: the rings, the shares of what is wanted, and who gets what is left."""

import random
from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from resqd.queue_specs import QueueSpec
from resqd.store.inflight.outbox import Ring
from resqd.worker.order import Order, shares
from resqd.worker.queues import expand

SPECS = [QueueSpec("critical", weight=5), QueueSpec("m.*", weight=2), QueueSpec("*")]
EXISTING = ["a", "critical", "m.1", "m.2", "z"]


def limited(*queues: str) -> tuple[tuple[str, int], ...]:
    return tuple((queue, 0) for queue in queues)


def test_strict_order_has_no_turns() -> None:
    """The call stays what it was."""
    order = Order(SPECS, "strict", random.random)
    assert order.turns(limited("a", "b"), 9) == ()


def test_all_queues_are_one_ring_in_round_robin() -> None:
    """Its label is what QUEUES says, so that all daemons of these queues share a turn."""
    order = Order(SPECS, "round-robin", random.random)
    assert order.turns(limited("a", "b", "c"), 9) == ((Ring("critical,m.*,*", 1, 3), 9),)


def test_each_entry_is_a_ring_of_its_weight() -> None:
    """A queue belongs to the first entry that matches it; an entry without any is left out."""
    order = Order(SPECS, "weighted", random.Random(1).random)
    queues = limited(*expand(SPECS, EXISTING))
    assert {ring for ring, _ in order.turns(queues, 8)} == {
        Ring("critical", 1, 1, 5), Ring("m.*", 2, 3, 2), Ring("*", 4, 5, 1),
    }  # fmt: skip
    without = limited("m.2", "z")
    assert {ring for ring, _ in order.turns(without, 8)} == {Ring("m.*", 1, 1, 2), Ring("*", 2, 2, 1)}


@given(
    weights=st.lists(st.integers(1, 1000), min_size=1, max_size=9),
    count=st.integers(0, 5000),
    phase=st.floats(0, 1, exclude_max=True),
)
def test_shares_are_whole_and_add_up(weights: list[int], count: int, phase: float) -> None:
    """Each is the exact share, rounded down or up; none is negative."""
    dealt = shares(weights, count, phase)
    assert sum(dealt) == count
    assert min(dealt) >= 0
    for share, weight in zip(dealt, weights, strict=True):
        assert abs(share - count * weight / sum(weights)) < 1.001


def test_one_job_at_a_time_goes_by_weight_and_never_long_without_one() -> None:
    """A worker that asks for one job after another: 80 jobs are 50, 20 and 10, and low ones come all along."""
    order = Order(SPECS, "weighted", random.Random(2).random)
    queues = limited("critical", "m.1", "z")
    first = [next(ring.label for ring, share in order.turns(queues, 1) if share) for _ in range(80)]
    counts = Counter(first)
    assert [abs(counts[label] - goal) <= 2 for label, goal in (("critical", 50), ("m.*", 20), ("*", 10))] == [
        True, True, True,
    ]  # fmt: skip
    waits = [at for at, label in enumerate(first) if label == "*"]
    assert max(after - before for before, after in pairwise(waits)) <= 21


def test_what_is_left_goes_by_weight_too() -> None:
    """Where critical is empty, its job is one of mail's twice as often as one of low's."""
    dice = random.Random(3).random
    seconds: Counter[str] = Counter()
    for _ in range(3000):
        turns = Order(SPECS, "weighted", dice).turns(limited("critical", "m.1", "z"), 1)
        seconds[next(ring.label for ring, _ in turns if ring.label != "critical")] += 1
    assert 1.8 < seconds["m.*"] / seconds["*"] < 2.2


def test_a_first_share_is_right_on_average() -> None:
    """For workers that ask once in their lives."""
    dice = random.Random(4).random
    firsts: Counter[str] = Counter()
    for _ in range(4000):
        turns = Order(SPECS, "weighted", dice).turns(limited("critical", "m.1", "z"), 1)
        firsts[next(ring.label for ring, share in turns if share)] += 1
    assert abs(firsts["critical"] - 2500) < 100
    assert abs(firsts["*"] - 500) < 70
