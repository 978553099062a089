"""The fetcher's rounds, with a scripted owner in the place of what is in flight in Redis, and a clock moved by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from resqd.errors import Fenced, StoreUnavailable
from resqd.store.inflight.owner import Failure, Want
from resqd.wire.messages import Slots
from resqd.worker.exchange import ACK_AFTER
from resqd.worker.fetcher import ABANDONED, RECYCLED, UNSURE
from resqd.worker.holdings import Failed
from resqd.worker.prefetch import STUCK_AFTER
from resqd.worker.shared import Mandate
from tests.support.fetching import Scene


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Scene]]:
    made: list[Scene] = []

    def one(**options: Any) -> Scene:
        scene = Scene(**options)
        monkeypatch.setattr(scene.sleeper, "sleep", scene.sleep)
        made.append(scene)
        return scene

    yield one
    for scene in made:
        shared = scene.shared
        scene.sleeper._poll.close()  # not by its number: it would close that again when it is collected
        for descriptor in {shared.wake.descriptor, shared.news, *scene.bell.descriptors}:
            os.close(descriptor)


Make = Callable[..., Scene]


def test_it_reserves_for_each_idle_thread_and_tells_of_ends(make: Make) -> None:
    """Two slots take two of three jobs; the third comes with the request that tells of the first end."""
    scene = make()
    scene.owner.queue(1, 2, 3)
    scene.round()
    assert scene.begin(2) == [1, 2]
    assert scene.shared.counted.reserved == 2
    scene.end(1)
    scene.round()
    assert scene.begin(1) == [3]
    assert scene.owner.done == [1]
    assert (scene.shared.counted.processed, scene.shared.counted.reserved) == (1, 3)
    assert scene.fetcher.owes(2)
    assert not scene.fetcher.owes(1)


def test_an_end_is_told_soon_though_every_thread_still_has_work(make: Make) -> None:
    """Not at once, since another end may go with it; not later than ACK_AFTER after the first."""
    scene = make()
    scene.shared.prefetch.pace = 1_000.0
    scene.owner.queue(*range(1, 23))
    scene.round()
    scene.begin(1)
    scene.end(1)
    scene.round()
    assert scene.owner.done == []
    assert scene.sleeps[-1] <= ACK_AFTER
    scene.round(ACK_AFTER)
    assert scene.owner.done == [1]


def test_a_failure_is_counted_and_told(make: Make) -> None:
    """To Redis with its record, and to metrics."""
    scene = make()
    scene.owner.queue(1)
    scene.round()
    failed = Failed(1, None, Failure(1, b"{}"), 0.0, 0.0)
    scene.holdings.outcomes.append(failed)
    scene.round()
    assert scene.owner.failed == [1]
    assert (scene.shared.counted.processed, scene.shared.counted.failed) == (1, 1)
    assert scene.told == [failed]


def test_nothing_is_reserved_in_a_pause_and_what_waits_goes_back(make: Make) -> None:
    """What a thread has begun stays; after the pause jobs come again."""
    scene = make()
    scene.owner.queue(1, 2)
    scene.round()
    scene.begin(1)
    scene.shared.order(Mandate.HOLD)
    scene.round()
    assert scene.owner.returned == [2]
    assert len(scene.holdings) == 1
    scene.owner.queue(3)
    asked = len([want for want in scene.owner.wants if want])
    scene.round(5.0)
    assert len([want for want in scene.owner.wants if want]) == asked
    scene.shared.order(Mandate.RESERVE)
    scene.round()
    assert scene.begin(1) == [3]


def test_a_batch_that_comes_after_the_order_to_stop_does_not_begin(make: Make) -> None:
    """The order came while Redis answered: the jobs go back, with their permits."""
    scene = make(permits=5)
    scene.owner.queue(1, 2)
    scene.owner.meanwhile = partial(scene.shared.order, Mandate.LEAVE)
    scene.round()
    assert scene.holdings.buffer.empty()
    assert scene.permits.left == 5
    scene.owner.meanwhile = lambda: None
    assert scene.fetcher.run() == "left"
    assert scene.owner.returned == [1, 2]
    assert scene.owner.closed == []


def test_what_waits_behind_busy_threads_goes_back(make: Make) -> None:
    """Another worker may be idle; and the pace that promised better is forgotten."""
    scene = make(slots=1)
    scene.shared.prefetch.pace = 100.0
    scene.owner.queue(1, 2, 3)
    scene.round()
    assert scene.begin(1) == [1]
    scene.round(STUCK_AFTER * 1.01)
    assert scene.owner.returned == [2, 3]
    assert scene.shared.prefetch.pace == 0.0


def test_what_no_thread_can_be_started_for_goes_back(make: Make) -> None:
    """The system refuses threads: other workers may have some."""
    scene = make()
    scene.owner.queue(1)
    scene.round()
    scene.threads.enough = False
    scene.round()
    scene.round()
    assert scene.owner.returned == [1]


def test_the_last_permit_ends_it_and_its_success_goes_with_the_last_request(make: Make) -> None:
    """A successor is asked for before; the threads are let go; nothing more is reserved than is permitted."""
    scene = make(permits=2)
    scene.owner.queue(1, 2, 3)
    scene.round()
    assert scene.shared.near_end
    assert scene.announced()
    assert scene.begin(2) == [1, 2]
    scene.end(1, 2)
    assert scene.fetcher.run() == RECYCLED
    assert scene.owner.done == []
    assert scene.owner.closed == [1, 2]
    assert scene.shared.counted.processed == 2
    assert scene.threads.dismissed
    assert len(scene.owner.queued) == 1


def test_a_burst_ends_with_its_queues(make: Make) -> None:
    """Not while a job runs, and not before a look that found less than was wanted."""
    scene = make(burst=True)
    scene.owner.queue(1)
    scene.round()
    assert scene.fetcher._ending() is None
    scene.end(1)
    assert scene.fetcher.run() == "burst"
    assert scene.owner.done + (scene.owner.closed or []) == [1]


def test_a_burst_waits_for_jobs_that_its_quota_leaves_out(make: Make) -> None:
    """They are there, and may be taken once the master gives more."""
    scene = make(burst=True, cap=1)
    scene.owner.queue(1, 2)
    scene.round()
    assert scene.begin(1) == [1]
    assert scene.owner.wants == [Want(2, (("q", 1),))]
    scene.end(1)
    scene.shared.grant(Slots(2, {"q": 0}, 1))
    scene.round()
    assert scene.fetcher._ending() is None
    scene.shared.grant(Slots(2, {"q": 1}, 2))
    scene.round()
    assert scene.begin(1) == [2]


def test_a_quota_that_shrinks_is_given_back_as_jobs_end(make: Make) -> None:
    """Not below what is held; the control thread is rung for each change."""
    scene = make(cap=2)
    scene.owner.queue(1, 2)
    scene.round()
    scene.announced()
    scene.shared.grant(Slots(2, {"q": 0}, 1))
    scene.round()
    assert scene.quotas.current == {"q": 2}
    scene.end(1)
    scene.round()
    assert scene.quotas.current == {"q": 1}
    assert scene.announced()


def test_an_outage_loses_nothing_and_is_waited_out(make: Make) -> None:
    """Ends stay to be told; nothing is tried again before its time; then all is told, and jobs come."""
    scene = make()
    scene.owner.queue(1, 2)
    scene.round()
    scene.begin(2)
    scene.end(1)
    scene.owner.error = StoreUnavailable("gone")
    scene.round()
    assert scene.exchange.unsure
    assert not scene.exchange.healthy
    retry_at = scene.exchange.retry_at
    assert retry_at > scene.now
    scene.round()
    assert scene.sleeps[-1] == pytest.approx(retry_at - scene.now + scene.sleeps[-1])
    assert scene.fetcher.owes(1)
    scene.owner.error = None
    scene.now = max(scene.now, retry_at)
    scene.round()
    assert scene.owner.done == [1]
    assert scene.exchange.healthy


def test_it_leaves_without_redis_when_told_to(make: Make) -> None:
    """Jobs that Redis may have given last have not begun: recovery puts them back."""
    scene = make()
    scene.owner.error = StoreUnavailable("gone")
    scene.round()
    assert scene.fetcher._ending() is None
    scene.shared.order(Mandate.LEAVE)
    assert scene.fetcher.run() == UNSURE


def test_it_abandons_what_runs_and_tells_what_it_can(make: Make) -> None:
    """The incarnation stays, so that recovery finds what runs once the process has ended."""
    scene = make()
    scene.owner.queue(1, 2)
    scene.round()
    assert scene.begin(1) == [1]
    scene.shared.order(Mandate.ABANDON)
    assert scene.fetcher.run() == ABANDONED
    assert scene.owner.returned == [2]
    assert scene.owner.closed is None


def test_what_was_given_up_is_no_stranger(make: Make) -> None:
    """Redis was away, so what it holds is compared once more; what runs on must not go back before the process ends."""
    scene = make()
    scene.owner.queue(1, 2)
    scene.round()
    assert scene.begin(1) == [1]
    scene.shared.order(Mandate.ABANDON)
    scene.owner.error = StoreUnavailable("away")
    scene.round()
    scene.owner.error = None
    scene.now += 10
    scene.owner.held = {1, 2}
    assert scene.fetcher.run() in (ABANDONED, UNSURE)
    assert scene.owner.looks
    assert set(scene.owner.returned) == {2}
    assert scene.owner.closed is None


def test_one_whose_jobs_were_recovered_gives_way(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Redis says so; nothing that it still holds counts any more."""
    scene = make()
    scene.owner.error = Fenced("this worker was taken for dead")
    assert scene.fetcher.run() == "fenced"
    assert "its jobs were recovered, this worker gives way to a new one" in caplog.text


def test_without_any_thread_it_ends(make: Make) -> None:
    """Once nothing is held."""
    scene = make()
    scene.threads.barren = True
    assert scene.fetcher.run() == "threadless"
