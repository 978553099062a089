"""Times in buckets."""

import random

import pytest

from resqd.store.history.histogram import BUCKETS, Histogram


def test_bounds_go_from_a_tenth_of_a_millisecond_to_an_hour() -> None:
    """Twenty-four of them, so that a series stays small."""
    assert (BUCKETS[0], BUCKETS[-1], len(BUCKETS)) == (0.0001, 3600.0, 24)
    assert list(BUCKETS) == sorted(BUCKETS)


def test_a_sample_stands_for_all() -> None:
    """Of many times of one class a worker keeps some: their histogram is scaled to the number that there were."""
    histogram = Histogram()
    histogram.add([0.5, 2.0], 100)
    histogram.add([], 5)
    assert histogram.count == 100
    assert histogram.total == 125.0


@pytest.mark.parametrize("part", [0.5, 0.95, 0.99])
def test_a_quantile_is_right_within_a_bucket(part: float) -> None:
    """Whatever the times are, it is off by less than the factor between two bounds."""
    dice = random.Random(7)
    times = sorted(10 ** dice.gauss(-1, 0.7) for _ in range(5_000))
    histogram = Histogram()
    histogram.add(times, len(times))
    found, true = histogram.quantile(part), times[int(part * len(times))]
    assert found is not None
    assert true / 2.2 < found < true * 2.2


def test_the_edges_of_quantiles() -> None:
    """None of nothing; below the first bound there is no logarithm, and beyond the last no bound."""
    assert Histogram().quantile(0.5) is None
    short, long = Histogram(), Histogram()
    short.add([0.00001], 4)
    long.add([9_999.0], 4)
    assert 0 <= (short.quantile(0.5) or 0) <= 0.0001
    assert long.quantile(0.5) == 3600.0


def test_two_merged_are_as_one() -> None:
    """Bucket by bucket, and their sums."""
    one, other, both = Histogram(), Histogram(), Histogram()
    one.add([0.1, 3.0], 2)
    other.add([0.1], 5)
    both.add([0.1, 3.0], 2)
    both.add([0.1], 5)
    one.merge(other)
    assert one == both
