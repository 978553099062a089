"""What is said about Redis when it goes wrong."""

import logging

import pytest

from resqd.errors import StoreUnavailable
from resqd.store.redis.health import Health
from resqd.wire.messages import REDIS_OK


def test_trouble_is_one_line_that_names_the_place_once(caplog: pytest.LogCaptureFixture) -> None:
    """The place is added where the error does not say it; line ends never reach the log or the status."""
    health = Health(where="redis://h:1/0", clock=lambda: 0.0)
    with caplog.at_level(logging.DEBUG, logger="resqd"):
        health.bad(StoreUnavailable("cannot reach Redis at redis://h:1/0: refused."))
        health.bad(StoreUnavailable("cannot reach Redis at redis://h:1/0: refused."))
        health.bad(StoreUnavailable("not now\nor then"))
    assert [record.getMessage() for record in caplog.records] == [
        "cannot reach Redis at redis://h:1/0: refused; trying again",
        "redis at redis://h:1/0: not now or then; trying again",
    ]
    assert health.text == "not now or then"
    health.good()
    assert health.text == REDIS_OK
