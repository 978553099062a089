"""Where a worker's jobs come from: what is said of queues whose key is no list, and how much of that is kept."""

import logging

import pytest

from resqd.queue_specs import QueueSpec
from resqd.store.resque.pauses import Paused
from resqd.worker.demand import Demand
from resqd.worker.open_queues import OpenQueues
from resqd.worker.order import Order
from resqd.worker.queues import COMPLAIN_EVERY, COMPLAINTS_KEPT, Quotas, Sources


def test_each_broken_queue_is_named_once_a_minute_and_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    """However many there are: a worker that is never recycled may meet ever new ones."""
    now = 0.0
    sources = Sources(
        specs=[QueueSpec("*")],
        existing=list,
        waiting=lambda _queues: False,
        quotas=Quotas(Demand(1, {})),
        paused=OpenQueues(lambda _queues: Paused((), "")),
        order=Order([QueueSpec("*")], "strict", lambda: 0.0),
        clock=lambda: now,
    )
    with caplog.at_level(logging.WARNING):
        sources.complain(["a", "b"])
        sources.complain(["a"])
        assert len(caplog.records) == 2
        for minute in range(1, 20):
            now = minute * COMPLAIN_EVERY
            sources.complain(["a"] if minute == 1 else [])
            sources.complain(f"{minute} {number}" for number in range(COMPLAINTS_KEPT))
            assert len(sources._complained) <= 2 * COMPLAINTS_KEPT + 2
    assert len(caplog.records) == 3 + 19 * COMPLAINTS_KEPT
