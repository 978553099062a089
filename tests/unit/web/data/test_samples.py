"""Live rates of the counters."""

from resqd.web.data.samples import KEPT, Rates, Sample, Samples, rates


def sample(at: float, processed: int = 0, failed: int = 0) -> Sample:
    """What was seen at a time."""
    return Sample(at, processed, failed, 0, 0)


def test_samples_are_apart_and_forgotten() -> None:
    """Ten readers at once add one, and fifteen minutes are kept."""
    samples = Samples()
    for at in (0.0, 0.1, 1.0, 2.0, 4.0):
        samples.add(sample(at))
    assert [each.at for each in samples.all()] == [0.0, 2.0, 4.0]
    samples.add(sample(KEPT + 3))
    assert [each.at for each in samples.all()] == [4.0, KEPT + 3]


def test_a_clock_that_goes_back_begins_anew() -> None:
    """As after a failover to another server."""
    samples = Samples()
    for at in (100.0, 110.0, 50.0):
        samples.add(sample(at))
    assert [each.at for each in samples.all()] == [50.0]


def test_rates_between_two_samples() -> None:
    """A counter that was cleared, and a single sample, say nothing."""
    assert rates((sample(0, 100, 5), sample(10, 150, 15))) == Rates(5.0, 1.0, 50, 10)
    assert rates((sample(0, 100), sample(10, 50))) == Rates(None, None)
    assert rates(None) == Rates(None, None)
