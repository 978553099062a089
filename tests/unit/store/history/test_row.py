"""One row of the history and its bytes."""

import random

import pytest

from resqd.errors import PayloadError
from resqd.store.history.row import (
    MOST_CLASSES,
    MOST_QUEUES,
    OTHER,
    QueueLooks,
    Row,
    decode,
    encode,
    merged,
    readable,
)


def busy(classes: int, queues: int, jobs: int, seed: int = 1) -> Row:
    """A row as a busy fleet has it."""
    dice = random.Random(seed)
    row = Row(running=12)
    for number in range(classes):
        counts = row.of_class(f"App::Jobs::{dice.choice(['Mail', 'Report', 'Sync'])}Job{number}")
        ended = 1 + int(dice.expovariate(1 / jobs))
        counts.started, counts.succeeded, counts.failed = ended, ended - ended // 50, ended // 50
        middle = dice.uniform(-3, 1)
        counts.ran.add([10 ** dice.gauss(middle, 0.4) for _ in range(50)], ended)
        counts.waited.add([10 ** dice.gauss(-2, 0.6) for _ in range(50)], ended)
    for number in range(queues):
        length = int(dice.expovariate(1 / 20))
        row.queues[f"queue_{number}"] = QueueLooks(length, length, float(3 * length))
    return row


def test_a_row_comes_back_as_it_was() -> None:
    """Counts exactly, buckets to two digits, and names with whatever they hold."""
    row = busy(5, 3, 90)
    row.of_class("caf\udcc3").retried = 3
    back = decode(encode(row))
    assert (back.running, back.queues) == (row.running, row.queues)
    for name, counts in row.classes.items():
        found = back.classes[name]
        assert (found.started, found.ended, found.retried) == (counts.started, counts.ended, counts.retried)
        assert found.ran.count == pytest.approx(counts.ran.count, abs=13 + counts.ran.count / 50)
        assert found.ran.total == pytest.approx(counts.ran.total, abs=0.001)


def test_counts_add_up_when_merged() -> None:
    """The longest and the oldest are the greatest of both."""
    one, other = Row(running=1), Row(running=2)
    one.of_class("A").succeeded, other.of_class("A").succeeded, other.of_class("B").failed = 1, 2, 4
    one.queues["q"], other.queues["q"] = QueueLooks(3, 3, 9.0), QueueLooks(5, 4, 1.0)
    row = merged([one, other])
    assert (row.running, row.classes["A"].succeeded, row.total().ended) == (3, 3, 7)
    assert row.queues == {"q": QueueLooks(8, 4, 9.0)}


def test_names_are_limited_and_no_count_is_lost() -> None:
    """The busiest keep their names."""
    row = busy(2 * MOST_CLASSES, 2 * MOST_QUEUES, 50)
    back = decode(encode(row))
    assert (len(back.classes), len(back.queues)) == (MOST_CLASSES, MOST_QUEUES)
    assert back.total().ended == row.total().ended
    busiest = max(row.classes, key=lambda name: row.classes[name].ended)
    assert busiest in back.classes
    assert OTHER in back.classes


def test_two_years_of_the_busiest_fleet_fit_into_30_megabytes() -> None:
    """With as many names as there may be in each row; 30 classes and 20 queues take a tenth of it."""
    minute, hour, day = (len(encode(busy(MOST_CLASSES, MOST_QUEUES, jobs))) for jobs in (100, 6_000, 150_000))
    assert 480 * minute + 744 * hour + 730 * day < 30_000_000


@pytest.mark.parametrize("data", [b"", b"x" * 50, encode(Row())[:-3]])
def test_what_is_no_row_is_left_out(data: bytes) -> None:
    """With one error type, and without harm to the others."""
    with pytest.raises(PayloadError):
        decode(data)
    assert readable([data, encode(Row(running=4))]) == [Row(running=4)]
