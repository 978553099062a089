"""What a status says of itself."""

from datetime import UTC, datetime

import pytest

from resqd.contrib.resque_status import Status


@pytest.mark.parametrize(
    ("facts", "percent"),
    [
        ({"status": "queued", "num": 5, "total": 10}, 0),
        ({"status": "completed"}, 100),
        ({"status": "working", "num": 1, "total": 3}, 33),
        ({"status": "working"}, 0),
        ({"status": "failed", "num": 1, "total": 0}, 100),
    ],
)
def test_the_percentage_is_the_gems(facts: dict[str, object], percent: int) -> None:
    """A total of nothing counts as one."""
    assert Status(facts).pct_complete == percent


def test_what_has_ended_cannot_be_killed() -> None:
    """And times are told in UTC."""
    ended = [
        Status({"status": word}).killable for word in ("queued", "working", "completed", "failed", "killed")
    ]
    assert ended == [True, True, False, False, False]
    assert Status({"time": 1_700_000_000}).time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
