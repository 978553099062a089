"""Incarnations and their facts in the index."""

import pytest

from resqd.store.inflight.incarnation import Incarnation

ONE = Incarnation(daemon="host/a.b", epoch="f.00", fork=12, pid=34, start_time=56, place="b-7 pid:[1]")


def test_an_incarnation_survives_the_index() -> None:
    """Written and read, it is the same."""
    assert Incarnation.from_index("host/a.b", ONE.id, ONE.to_json()) == ONE


@pytest.mark.parametrize("facts", ["", "{", "[]", "{}", '{"pid": "x"}', "null"])
def test_its_id_alone_is_enough(facts: str) -> None:
    """Facts that cannot be read leave an incarnation that can be recovered, of no known process."""
    assert Incarnation.from_index("host/a.b", ONE.id, facts) == Incarnation("host/a.b", "f.00", 12, 0, 0, "")
