"""Redis's troubles in the log of the whole daemon."""

import logging

import pytest

from resqd.master.outage import Outage


def test_an_outage_is_said_once_for_all_children(caplog: pytest.LogCaptureFixture) -> None:
    """One line when the first child meets it, one when the last is well again, whatever each saw meanwhile."""
    now = [10.0]
    outage = Outage(clock=lambda: now[0])
    with caplog.at_level(logging.INFO, logger="resqd"):
        for _ in range(3):
            outage.note(1, "cannot reach Redis at h: refused")
            outage.note(2, "Redis at h: LOADING")
        now[0] = 14.5
        outage.note(1, "ok")
        outage.note(2, "ok")
        outage.note(1, "ok")
    assert [record.getMessage() for record in caplog.records] == [
        "cannot reach Redis at h: refused; trying again until it is back",
        "Redis is back after 4.5 s",
    ]


def test_a_child_that_dies_of_it_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    """Its successor's word does."""
    outage = Outage(clock=lambda: 0.0)
    with caplog.at_level(logging.INFO, logger="resqd"):
        outage.note(1, "away")
        outage.forget(1)
        assert len(caplog.records) == 1
        outage.note(2, "ok")
    assert len(caplog.records) == 2
