"""What limits allow, in words."""

import pytest

from resqd.store.gates.gates import LimitLine
from resqd.web.views.limits import limit_row, rule


@pytest.mark.parametrize(
    ("definition", "most", "says"),
    [
        ("c 5", None, "5 at a time"),
        ("c 5", 0, "0 at a time"),
        ("r 100 60000000", None, "100 in 1 min 00 s"),
        ("r 1200 1000000", 7, "7 in 1.0 s"),
        (None, None, "declared by nobody"),
        (None, 3, "3 at a time"),
        ("hostile", None, "declared by nobody"),
        ("c x", None, "declared by nobody"),
    ],
)
def test_a_rule_in_words(definition: str | None, most: int | None, says: str) -> None:
    """Whatever stands in Redis."""
    assert rule(definition, most) == says


def test_what_people_have_set_stands_before_what_is_declared() -> None:
    """Both are told."""
    row = limit_row(LimitLine("stripe", "c 5", 2, used=2, waiting=1, values=0))
    assert (row.allows, row.declared, row.full) == ("2 at a time", "5 at a time", True)
