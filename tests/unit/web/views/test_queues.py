"""Rows and pages of queues."""

from resqd.store.resque.pauses import Note
from resqd.web.data.snapshot import Queue, Snapshot
from resqd.web.views.queues import ROWS, queues, span_of
from resqd.web.views.states import of_queue, rank_of


def look(*found: Queue) -> Snapshot:
    """What was seen at second 1,000."""
    return Snapshot(1_000.0, found, (), 0, 0, 0, 0.0)


def names(shown: dict[str, object]) -> list[str]:
    """The queues of the rows."""
    rows = shown["rows"]
    assert isinstance(rows, list)
    return [row.queue.name for row in rows]


FOUND = look(
    Queue("idle", 0, None, 1, 0),
    Queue("flowing", 5, 999.0, 1, 1),
    Queue("alone", 1, 990.0, 0, 0),
    Queue("behind", 2, 1.0, 1, 1),
    Queue("broken", None, None, 1, 0),
)


def test_trouble_comes_first() -> None:
    """Then the longest; other orders by name, length and age."""
    orders = {
        key: names(queues(FOUND, sort=key, named="", start=0))
        for key in ("trouble", "name", "length", "oldest", "x")
    }
    assert orders["trouble"] == orders["x"] == ["alone", "broken", "behind", "flowing", "idle"]
    assert orders["name"] == ["alone", "behind", "broken", "flowing", "idle"]
    assert orders["length"][:3] == ["flowing", "behind", "alone"]
    assert orders["oldest"][:3] == ["behind", "alone", "flowing"]


def test_a_page_has_a_hundred_rows() -> None:
    """However many queues there are."""
    shown = queues(
        look(*(Queue(f"q{at:05}", 0, None, 1, 0) for at in range(250))), sort="name", named="", start=200
    )
    assert len(names(shown)) == 50
    assert shown["span"] == span_of(200, 50, 250, ROWS)


def test_spans_lead_on_and_back() -> None:
    """And nowhere at the ends."""
    first, last, none = span_of(0, 100, 150, 100), span_of(100, 50, 150, 100), span_of(0, 0, 0, 100)
    assert (first.first, first.last, first.before, first.after) == (1, 100, None, 100)
    assert (last.first, last.last, last.before, last.after) == (101, 150, 0, None)
    assert (none.first, none.last, none.before, none.after) == (0, 0, None, None)


def test_the_rank_is_that_of_the_state() -> None:
    """It is reckoned by itself, for ten thousand queues."""
    note = Note()
    for size in (None, 0, 1):
        for oldest in (None, 1.0, 999.0):
            for workers in (0, 1):
                for running in (0, 1):
                    for paused in (None, note):
                        queue = Queue("q", size, oldest, workers, running, paused)
                        assert rank_of(queue, 1_000.0) == of_queue(queue, 1_000.0).rank, queue
