"""How long jobs have waited, and how many are of a capped queue."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from resqd.worker.held import Arrivals, Capped


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 6)), max_size=30))
def test_the_oldest_that_waits_is_told(steps: list[tuple[int, int]]) -> None:
    """As a plain list of all jobs has it, whatever is taken between the batches; jobs begin in the order they came."""
    arrivals, waiting = Arrivals(), deque[float]()
    for moment, (come, begin) in enumerate(steps):
        arrivals.note(come, moment)
        waiting.extend([float(moment)] * come)
        for _ in range(min(begin, len(waiting))):
            waiting.popleft()
        assert arrivals.oldest(len(waiting)) == (waiting[0] if waiting else None)
    arrivals.clear()
    assert arrivals.oldest(1) is None


def test_jobs_of_capped_queues_are_counted() -> None:
    """Each once, until it is forgotten; those of others never."""
    capped = Capped({"few"})
    capped.take_in([(1, "few", b""), (2, "many", b""), (3, "few", b"")])
    assert capped.held == {"few": 2}
    capped.forget([1, 2])
    capped.forget([1])
    assert capped.held["few"] == 1
    assert capped.held["many"] == 0
