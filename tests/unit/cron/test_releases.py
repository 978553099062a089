"""Releases have an order, or are refused."""

from typing import Any

import pytest

from resqd.cron.releases import release_order, release_text
from resqd.errors import JobDefinitionError


def test_releases_are_ordered_as_numbers() -> None:
    """No release is the lowest."""
    written = ["", "1", "1.9", "1.10", "2", "2026.11.3", "2026.11.25"]
    assert sorted(set(written), key=release_order) == written
    assert release_text(42) == "42"
    assert release_text(None) == ""


@pytest.mark.parametrize("bad", ["abc1234", "v1", "1.", "-1", -1, 1.5e300, True, "\u0661"])
def test_what_has_no_order_is_refused(bad: Any) -> None:
    """With an example of what has."""
    with pytest.raises(JobDefinitionError, match="give a number that grows"):
        release_text(bad)
