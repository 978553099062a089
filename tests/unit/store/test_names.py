"""What is remembered of queues' names, and numbers that others have written."""

import pytest

from resqd.store.inflight.incarnation import Incarnation
from resqd.store.names import LONGEST, MOST, Names, WorkerId, number


def test_a_name_is_the_same_object_for_each_job() -> None:
    """So many jobs of one queue hold it once."""
    names = Names()
    assert names[b"mail\xff"] is names[b"mail\xff"]
    assert names[b"mail\xff"] == "mail\udcff"


def test_new_names_for_ever_are_not_kept_for_ever() -> None:
    """A worker that is never recycled holds a bounded number of them, none of them long."""
    names = Names()
    for each in range(10 * MOST):
        assert names[b"queue%d" % each] == f"queue{each}"
        assert len(names) <= MOST
    assert names[b"x" * (LONGEST + 1)] == "x" * (LONGEST + 1)
    assert b"x" * (LONGEST + 1) not in names


@pytest.mark.parametrize("text", ["", "-1", "1.5", "²", "٣", " 1", "9" * 19, "9" * 5_000, "x"])
def test_what_is_no_number(text: str) -> None:
    """Other scripts' digits, a sign, and more digits than int() takes."""
    assert number(text) is None
    assert number(text.encode()) is None
    assert number("007") == 7


def test_ids_and_facts_of_other_hosts_are_read_whatever_they_are() -> None:
    """Digits that int() would not take count as none."""
    assert WorkerId.parse("host:" + "9" * 5_000 + ":q:²:2:٣").pid == 0
    for facts in ('{"pid":1e999,"start_time":0,"place":""}', "[" * 100_000, "{}", '{"pid":"²"}'):
        found = Incarnation.from_index("h/resqd", "epoch.²", facts)
        assert (found.epoch, found.fork, found.pid) == ("epoch", 0, 0)
