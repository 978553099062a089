"""What a worker holds: handed out, taken back, settled; every job once."""

from collections import deque

from resqd.store.inflight.owner import Failure
from resqd.worker.holdings import Failed, Holdings, Mark, Unfinished

BATCH = [(token, "q", b"{}") for token in range(1, 6)]


def begin(holdings: Holdings, count: int) -> list[int]:
    """What threads take, marks left out."""
    taken: list[int] = []
    while len(taken) < count:
        item = holdings.buffer.get_nowait()
        if not isinstance(item, Mark):
            taken.append(item[0])
    return taken


def test_what_has_not_begun_is_taken_back_in_order() -> None:
    """Also where the control thread took it out of the buffer first, as it does at a stop."""
    holdings = Holdings(capped=())
    holdings.take_in(BATCH, 0.0)
    holdings.finish(2)
    assert begin(holdings, 2) == [1, 2]
    holdings.recall()
    marked, emptied = holdings.recalled, holdings.buffer.empty()
    assert marked
    assert emptied
    holdings.take_in([(9, "q", b"{}"), (10, "q", b"{}")], 0.0)
    assert holdings.take_back() == [3, 4, 5, 9, 10]
    assert not holdings.recalled
    assert len(holdings) == 2


def test_what_is_at_large_has_neither_come_back_nor_ended() -> None:
    """A job that a thread has, or can take, is at large; recalled ones and those with an outcome are not."""
    holdings = Holdings(capped=())
    holdings.take_in(BATCH, 0.0)
    begin(holdings, 3)
    assert holdings.at_large() == {1, 2, 3, 4, 5}
    holdings.recall()
    holdings.outcomes.append(1)
    holdings.outcomes.append((2, "Job", 0.0, 0.0, None))
    assert holdings.at_large() == {3}
    holdings.take_back()
    assert holdings.at_large() == {3}
    holdings.settle()
    assert holdings.at_large() == {3}


def test_an_outcome_counts_once() -> None:
    """A token that comes twice, or was given up before, is not told again."""
    holdings = Holdings(capped=())
    holdings.take_in(BATCH, 0.0)
    failure = Failed(2, None, Failure(2, b"{}"), 0.0, 0.0)
    holdings.outcomes.extend([1, 1, failure, failure])
    done, _, failed, _ = holdings.settle()
    assert done == [1]
    assert [one.token for one in failed][:1] == [2]
    holdings.outcomes.extend([1, failure])
    assert holdings.settle() == ([], [], [], [])
    assert holdings.abandon() == [3, 4, 5]
    holdings.outcomes.append(3)
    assert holdings.settle() == ([], [], [], [])
    assert holdings.outcomes == deque()


def test_caps_count_what_is_held() -> None:
    """Of capped queues only, until it is settled or taken back."""
    holdings = Holdings(capped={"few"})
    holdings.take_in([(1, "few", b"{}"), (2, "many", b"{}"), (3, "few", b"{}")], 0.0)
    assert holdings.by_queue["few"] == 2
    begin(holdings, 1)
    holdings.outcomes.append(1)
    holdings.settle()
    assert holdings.by_queue["few"] == 1
    holdings.take_back()
    assert holdings.by_queue["few"] == 0


def test_lost_jobs_are_dropped_once() -> None:
    """Of what has not begun the lost ones are forgotten and the others given back; running ones are news once."""
    holdings = Holdings(capped=())
    holdings.take_in([(token, "q", b"") for token in (1, 2, 3, 4)], 0.0)
    assert holdings.buffer.get_nowait() == (1, "q", b"")
    assert holdings.drop({1, 3}) == ([2, 4], 1)
    assert len(holdings) == 1
    holdings.take_in([(5, "q", b"")], 0.0)
    assert holdings.drop({1}) == ([], 0)
    assert holdings.holds(1)
    assert holdings.holds(5)


def test_what_was_given_up_is_still_nobody_elses() -> None:
    """It runs on until the process has ended, so a comparison with Redis must take it for known."""
    holdings = Holdings(capped=())
    holdings.take_in(BATCH, 0.0)
    begin(holdings, 2)
    assert holdings.take_back() == [3, 4, 5]
    assert holdings.abandon() == [1, 2]
    assert len(holdings) == 0
    assert holdings.tokens == holdings.behind == {1, 2}


def test_what_was_interrupted_and_spared_is_taken_back_once() -> None:
    """Though its thread may say so twice; it is neither done nor failed."""
    holdings = Holdings(capped=())
    holdings.take_in(BATCH, 0.0)
    begin(holdings, 5)
    holdings.outcomes.extend([Unfinished(2), 1, Unfinished(2)])
    assert holdings.settle() == ([1], [], [], [])
    assert holdings.recalled
    assert holdings.take_back() == [2]
    holdings.outcomes.append(Unfinished(2))
    assert holdings.settle() == ([], [], [], [])
    assert holdings.take_back() == []
    assert len(holdings) == 3
