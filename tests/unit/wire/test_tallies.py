"""Counts on their way to statsd add up, whatever is taken and put back."""

from resqd.wire.frames import FRAME_LIMIT, encode
from resqd.wire.messages import Busy, JobMetrics
from resqd.wire.tallies import CROWD, MOST_CLASSES, OTHERS, SAMPLES, Tallies


def test_what_was_taken_can_be_put_back() -> None:
    """Take, fail to send, restore: the counts are those of the beginning, and newer ones."""
    tallies = Tallies()
    tallies.of("A").started += 2
    taken = tallies.take()
    tallies.of("A").started += 1
    tallies.of("A").run_ms.append(5.0)
    tallies.add(taken)
    assert tallies.take() == (JobMetrics("A", 3, 0, 0, (5.0,), ()),)
    assert tallies.take() == ()


def test_classes_beyond_a_crowd_share_one_name() -> None:
    """A flood of invented class names costs bounded memory, and no count is lost."""
    tallies = Tallies()
    for number in range(2 * CROWD):
        tallies.of(f"class {number}").started += 1
    metrics = tallies.take(3 * CROWD)
    assert len(metrics) <= CROWD + 1
    assert sum(each.started for each in metrics) == 2 * CROWD
    assert OTHERS in {each.job_class for each in metrics}


def test_what_is_taken_at_once_fits_into_a_frame() -> None:
    """The fullest report of counts leaves most of a frame to what else it carries."""
    tallies = Tallies()
    for number in range(CROWD):
        tally = tallies.of(f"{number}".ljust(128, "x"))
        tally.run_ms.extend([1.5] * 2 * SAMPLES)
        tally.wait_ms.extend([1.5] * 2 * SAMPLES)
    taken = tallies.take()
    assert len(taken) == MOST_CLASSES
    assert len(encode(Busy(1, (), taken))) < FRAME_LIMIT // 2
