"""What a worker could use of caps: told when it has lasted, for jobs begin and end all the time."""

from hypothesis import given
from hypothesis import strategies as st

from resqd.wire.messages import Usable
from resqd.worker.demand import NEVER, STEADY, Demand


def told(demand: Demand) -> dict[str, int] | None:
    news = demand.news()
    if news is None:
        return None
    demand.told(news)
    return news.quotas


def test_an_idle_worker_has_nothing_to_tell() -> None:
    """All threads are what the master reckons with."""
    demand = Demand(4, {"q": 2})
    assert not demand.see({}, 0, 0.0)
    assert (told(demand), demand.steady_at) == (None, NEVER)


def test_a_busy_worker_says_so_when_that_has_lasted() -> None:
    """What it holds of the queue it can use; other jobs take its threads. And says when it is idle again."""
    demand = Demand(4, {"q": 4, "r": 1})
    assert not demand.see({"q": 1}, 4, 10.0)
    assert demand.steady_at == 10.0 + STEADY
    assert demand.see({"q": 1}, 4, 10.0 + STEADY)
    assert told(demand) == {"q": 1, "r": 0}
    demand.see({"q": 1}, 2, 11.0)
    assert demand.see({"q": 1}, 2, 11.1)
    assert told(demand) == {"q": 3, "r": 1}
    assert told(demand) is None


def test_a_moment_does_not_count() -> None:
    """Neither full for a moment, nor idle between two jobs."""
    demand = Demand(1, {"q": 1})
    for step in range(100):
        demand.see({}, step % 2, step * STEADY / 3)
        assert told(demand) is None


def test_what_was_always_there_counts() -> None:
    """Of changing numbers of idle threads the least that was there all along."""
    demand = Demand(8, {"q": 8})
    for step in range(10):
        demand.see({}, 8 if step % 2 else 5, step * STEADY / 4)
    assert told(demand) == {"q": 3}


def test_at_rest_it_asks_for_no_look() -> None:
    """A paused worker has no business with caps; it begins anew when it goes on."""
    demand = Demand(1, {"q": 1})
    demand.see({}, 1, 0.0)
    assert not demand.rest()
    assert demand.steady_at == NEVER
    assert not demand.see({}, 1, 9.0)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.floats(0, 0.1)), max_size=40))
def test_whatever_happens_it_tells_the_truth_once_it_lasts(events: list[tuple[int, int, float]]) -> None:
    """And never more than its threads, or the cap."""
    demand, now = Demand(4, {"q": 3}), 0.0
    for held, others, passed in events:
        now += passed
        demand.see({"q": held}, held + others, now)
        assert all(0 <= number <= 3 for number in (told(demand) or {"q": 0}).values())
    demand.see({"q": 1}, 3, now)
    looks = 0
    while demand.steady_at < NEVER:  # nobody looks for another reason
        assert (looks := looks + 1) <= 2, "what was less just before counts for one period"
        now = demand.steady_at
        demand.see({"q": 1}, 3, now)
    last = demand.news() or Usable({"q": 2})
    assert last.quotas == {"q": 2}
