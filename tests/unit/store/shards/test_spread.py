"""Which shard gets the next plain job."""

from collections import Counter

from resqd.store.shards.spread import SILENT, Spread


class Time:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_gets_as_much_as_the_others() -> None:
    spread = Spread(3, clock=Time())
    assert Counter(spread.order()[0] for _ in range(300)) == {0: 100, 1: 100, 2: 100}


def test_one_that_is_down_gets_none_until_it_is_heard_of() -> None:
    spread = Spread(3, clock=Time())
    assert spread.failed(1)
    assert not spread.failed(1)
    assert all(1 not in spread.order() for _ in range(6))
    assert Counter(spread.order()[0] for _ in range(60))[0] >= 20
    spread.recovered(1)
    assert 1 in spread.order()


def test_one_that_others_wait_for_gets_none() -> None:
    """A thread that waits for a silent shard warns the others before it has given up."""
    time = Time()
    spread = Spread(2, clock=time)
    ask = spread.ask(0)
    assert 0 in spread.order()
    time.now += SILENT
    assert spread.order() == spread.order() == [1]
    spread.answered(0, ask)
    assert sorted(spread.order()) == [0, 1]


def test_where_all_are_down_each_is_tried() -> None:
    """Then the error tells more than a refusal without a try."""
    spread = Spread(2, clock=Time())
    spread.failed(0)
    spread.failed(1)
    assert sorted(spread.order()) == [0, 1]
    assert spread.down == [0, 1]


def test_one_that_is_to_be_emptied_gets_none() -> None:
    spread = Spread(2, clock=Time())
    spread.close(frozenset({0}))
    assert spread.order() == spread.order() == [1]
    spread.close(frozenset())
    assert sorted(spread.order()) == [0, 1]


def test_a_forked_child_waits_for_nobody_of_its_parent() -> None:
    time = Time()
    spread = Spread(2, clock=time)
    spread.ask(0)
    time.now += SILENT
    spread.forked()
    assert sorted(spread.order()) == [0, 1]


def test_the_share_of_one_that_is_away_is_divided() -> None:
    spread = Spread(3, clock=Time())
    spread.failed(1)
    assert Counter(spread.order()[0] for _ in range(300)) == {0: 150, 2: 150}
