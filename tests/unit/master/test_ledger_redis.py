"""Redis's troubles in the log of the whole daemon."""

import logging

import pytest

from resqd.master.ledger import RedisHealth


def test_an_outage_is_said_once_for_all_children(caplog: pytest.LogCaptureFixture) -> None:
    """One line when the first child meets it, one when the last is well again, whatever each saw meanwhile."""
    redis = RedisHealth("ok", 0.0)
    with caplog.at_level(logging.INFO, logger="resqd"):
        for _ in range(3):
            redis.note(1, "cannot reach Redis at h: refused", 10.0)
            redis.note(2, "Redis at h: LOADING", 11.0)
        redis.note(1, "ok", 14.5)
        redis.note(2, "ok", 14.5)
        redis.note(1, "ok", 14.5)
    assert [record.getMessage() for record in caplog.records] == [
        "cannot reach Redis at h: refused; trying again until it is back",
        "Redis is back after 4.5 s",
    ]


def test_a_child_that_dies_of_it_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    """Its successor's word does."""
    redis = RedisHealth("ok", 0.0)
    with caplog.at_level(logging.INFO, logger="resqd"):
        redis.note(1, "away", 0.0)
        redis.forget(1)
        assert len(caplog.records) == 1
        redis.note(2, "ok", 14.5)
    assert len(caplog.records) == 2


def test_a_refusal_is_no_outage(caplog: pytest.LogCaptureFixture) -> None:
    """It is an error, told once, also where it follows an outage; and is over when all is well again."""
    redis = RedisHealth("ok", 0.0)
    with caplog.at_level(logging.INFO, logger="resqd"):
        redis.note(1, "away", 0.0)
        redis.note(1, "refused: the password is wrong", 1.0)
        redis.note(2, "refused: the password is wrong", 1.0)
        redis.note(1, "ok", 4.0)
        redis.note(2, "ok", 4.0)
        redis.note(1, "refused: again", 5.0)
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    said = "that does not pass by itself: it is tried again every 5 s until somebody puts it right"
    assert told == [
        ("WARNING", "away; trying again until it is back"),
        ("ERROR", f"the password is wrong; {said}"),
        ("INFO", "Redis is back after 4.0 s"),
        ("ERROR", f"again; {said}"),
    ]
