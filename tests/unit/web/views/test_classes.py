"""The page of classes."""

import json

from resqd.store.history.reader import Point
from resqd.store.history.row import Row
from resqd.web.views.classes import ClassRow, classes


def points() -> list[Point]:
    """A busy minute, and one of which nothing is known."""
    row = Row()
    for name, ended, failed in (("A", 30, 6), ("B", 120, 0)):
        counts = row.of_class(name)
        counts.succeeded, counts.failed = ended - failed, failed
        counts.ran.add([0.5], ended)
    return [Point(60, 60, row), Point(120, 60)]


def test_the_busiest_class_comes_first() -> None:
    """With times from its histogram; nothing where no time is known."""
    page = classes(points(), over="1h", overs=("1h",), job_class=None)
    rows = page["rows"]
    assert isinstance(rows, list)
    assert all(isinstance(row, ClassRow) for row in rows)
    assert [(row.name, row.ended, row.failed, row.failing, row.wait) for row in rows] == [
        ("B", 120, 0, False, None),
        ("A", 30, 6, True, None),
    ]
    assert 0.2 < rows[0].run[0] <= rows[0].run[2] < 1.2


def test_curves_are_of_the_chosen_class() -> None:
    """A minute without jobs is a gap in the curve of times, and no jobs in that of rates."""
    page = classes(points(), over="1h", overs=("1h",), job_class="A")
    drawn = json.loads(str(page["curves"]))
    assert (drawn["finished"], drawn["failed"], drawn["run"][1]) == ([0.5, 0.0], [6.0, 0.0], None)
    assert page["total"] == 2
    assert not classes([Point(60, 60)], over="1h", overs=(), job_class=None)["known"]
