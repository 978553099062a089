"""What a daemon puts into the history, and when."""

import pytest

from resqd.errors import StoreUnavailable
from resqd.housekeeper.history import MERGE_AFTER, PUT_WITHIN, Recorder
from resqd.store.history.row import QueueLooks, Row
from resqd.store.resque.measure import Measured
from resqd.wire.messages import Busy, JobMetrics, Running

BEGIN = 1_000_000 * 60


class Played:
    """The store's side; `lost` is how many answers of `put` do not come."""

    def __init__(self) -> None:
        self.put_rows: list[tuple[int, Row]] = []
        self.samples: list[Row] = []
        self.lost = 0
        self.wins = True

    def put(self, minute: int, row: Row) -> None:
        self.put_rows.append((minute, row))
        if self.lost:
            self.lost -= 1
            raise StoreUnavailable("no answer")

    def reign(self, token: str) -> bool:
        return bool(token) and self.wins

    def merge(self, token: str, *, sample: Row, now: float) -> bool:
        assert token
        assert now
        self.samples.append(sample)
        return True


class Station:
    """A recorder whose clock the test sets."""

    def __init__(self) -> None:
        self.now = float(BEGIN + 10)
        self.store = Played()
        self.recorder = Recorder(
            merger=self.store,
            look=lambda: Measured({"q": 3, "idle": 0}, {"q": 7.5}, {}),
            now=lambda: self.now,
            random=lambda: 0.5,
        )
        self.recorder.tend()

    def ended(self, count: int) -> None:
        """Tell of jobs that have ended on a worker with one other job running."""
        metrics = JobMetrics("A", count, count, 0, (100.0,), (5.0,))
        running = (Running(1, 5, "id", "A", "q", 0.0, b""),) if count else ()
        self.recorder.take(Busy(7, running, (metrics,)))

    def pass_by(self, seconds: float) -> None:
        """Tend as the keeper does."""
        end = self.now + seconds
        while (due := self.now + max(0.1, self.recorder.wait())) <= end:
            self.now = due
            self.recorder.tend()
        self.now = end


def test_each_minute_is_put_once_by_its_first_second() -> None:
    """Soon after its end, with what was counted and how many threads were busy; nothing where nothing was done."""
    station = Station()
    station.ended(4)
    station.ended(2)
    station.pass_by(50 + PUT_WITHIN)
    [(minute, row)] = station.store.put_rows
    assert (minute, row.running, row.classes["A"].ended, row.classes["A"].ran.count) == (BEGIN, 1, 6, 6)
    station.recorder.take(Busy(7, (), ()))
    station.pass_by(120)
    assert len(station.store.put_rows) == 1


def test_queues_are_looked_at_by_who_merges() -> None:
    """Once a minute, when all rows are there; those where nothing waits take no room."""
    station = Station()
    station.pass_by(50 + MERGE_AFTER)
    assert station.store.samples == []
    station.pass_by(60)
    assert station.store.samples == [Row(queues={"q": QueueLooks(3, 3, 7.5)})]
    station.store.wins = False
    station.pass_by(600)
    assert len(station.store.samples) == 1


def test_a_row_without_an_answer_is_put_again_as_it_was() -> None:
    """And what was counted meanwhile comes a minute later, since one minute has one row."""
    station = Station()
    station.ended(4)
    station.store.lost = 1
    with pytest.raises(StoreUnavailable):
        station.pass_by(60)
    station.ended(2)
    station.recorder.tend()
    station.pass_by(60)
    told = [(minute - BEGIN, row.classes["A"].ended) for minute, row in station.store.put_rows]
    assert told == [(0, 4), (0, 4), (60, 2)]


def test_the_end_of_the_process_loses_no_count() -> None:
    """What the minute that runs has seen is put at once."""
    station = Station()
    station.ended(4)
    station.recorder.leave()
    assert [(minute, row.classes["A"].ended) for minute, row in station.store.put_rows] == [(BEGIN, 4)]
