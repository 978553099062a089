"""The fetcher's rounds, with a scripted owner in the place of what is in flight in Redis, and a clock moved by hand."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import pytest

from resqd.errors import Fenced, StoreUnavailable
from resqd.failures import Aftermath
from resqd.settings import QueueSpec
from resqd.store.inflight.owner import Exchanged, Failure, Inflight, Outbox, Reservation, Want
from resqd.store.redis.health import Backoff, Health
from resqd.wire.doorbell import Bell
from resqd.wire.messages import Slots
from resqd.worker.exchange import ACK_AFTER, Exchange
from resqd.worker.fetcher import ABANDONED, RECYCLED, UNSURE, Fetcher
from resqd.worker.holdings import Done, Failed, Holdings, Mark
from resqd.worker.poller import Poller, Sleeper
from resqd.worker.pool import Pool
from resqd.worker.prefetch import STUCK_AFTER, Permits, Prefetch
from resqd.worker.queues import Quotas, Sources
from resqd.worker.shared import Mandate, Shared


class Owner:
    """Takes the place of what is in flight: gives what is queued, and keeps what it was told."""

    def __init__(self) -> None:
        self.queued: deque[Reservation] = deque()
        self.wants: list[Want | None] = []
        self.done: list[int] = []
        self.failed: list[int] = []
        self.returned: list[int] = []
        self.closed: list[int] | None = None
        self.error: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self.ended: set[int] = set()

    def queue(self, *tokens: int, name: str = "q") -> None:
        self.queued += [(token, name, b"") for token in tokens]

    def exchange(self, outbox: Outbox, want: Want | None = None) -> Exchanged:
        self._fail()
        self.wants.append(want)
        told = [*outbox.done], [one.token for one in outbox.failed], [one.token for one in outbox.returned]
        self.done += told[0]
        self.failed += told[1]
        self.returned += told[2]
        for part in (outbox.done, outbox.failed, outbox.returned):
            cast("list[Any]", part).clear()
        count = min([want.count, *(limit for _, limit in want.queues if limit)]) if want else 0
        batch = [self.queued.popleft() for _ in range(min(count, len(self.queued)))]
        self.meanwhile()
        return Exchanged(batch, len(told[0]) + len(told[1]), len(told[1]), len(told[2]))

    def close(self, done: list[int]) -> Exchanged:
        self._fail()
        self.closed = [*done]
        return Exchanged([], processed=len(done))

    def look(self) -> set[int] | None:
        self._fail()
        return None

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class Threads:
    """Takes the place of the pool: as many threads as may be, none of which runs."""

    def __init__(self, threads: int) -> None:
        self.executors = [None] * threads
        self.started = 0
        self.retry_at: float | None = None
        self.short = self.barren = self.dismissed = False
        self.enough = True

    def places(self, slots: int) -> int:
        return slots

    def staff(self, *, slots: int, unfinished: int, **_judged: Any) -> bool:
        self.started = max(self.started, min(slots, unfinished))
        return self.enough

    def dismiss(self) -> None:
        self.dismissed = True


class NoFailures:
    """Takes the place of the application's code for failures."""

    full = False

    def put(self, records: Sequence[bytes | None]) -> None:
        """None of them is told."""


class Scene:
    """A fetcher with all that it has, but for Redis and threads. Its sleeps return at once and move the clock."""

    def __init__(
        self, *, slots: int = 2, permits: int | None = None, burst: bool = False, cap: int = 0
    ) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []
        self.owner = Owner()
        self.quotas = Quotas()
        self.quotas.begin({"q": cap} if cap else {})
        sources = Sources(
            specs=[QueueSpec("q", cap or None)],
            existing=list,
            waiting=lambda _queues: bool(self.owner.queued),
            quotas=self.quotas,
            clock=self.clock,
        )
        self.holdings = Holdings(capped=sources.capped)
        self.health = Health(where="redis", clock=self.clock)
        self.shared = Shared(
            holdings=self.holdings,
            quotas=self.quotas,
            prefetch=Prefetch(measured_at=self.now),
            health=self.health,
            mandate=Mandate.RESERVE,
            slots=slots,
        )
        self.bell = Bell()
        self.sleeper = Sleeper(wake=self.shared.wake, bell=self.bell, fork=1)
        self.permits = Permits(permits)
        self.threads = Threads(slots)
        self.told: list[Done | Failed] = []
        self.exchange = Exchange(
            inflight=cast(Inflight, self.owner),
            health=self.health,
            backoff=Backoff(lambda: 0.5),
            sleeper=self.sleeper,
            aftermath=cast(Aftermath, NoFailures()),
            clock=self.clock,
        )
        self.fetcher = Fetcher(
            shared=self.shared,
            exchange=self.exchange,
            poller=Poller(sources=sources, sleeper=self.sleeper, bell=self.bell, interval=1.0, burst=burst),
            pool=cast(Pool, self.threads),
            permits=self.permits,
            told=lambda timed, failed: self.told.extend([*timed, *failed]),
            clock=self.clock,
        )

    def clock(self) -> float:
        return self.now

    def sleep(self, timeout: float, *, listen: bool) -> bool:  # noqa: ARG002 - in the sleeper's place
        self.sleeps.append(timeout)
        self.now += timeout
        assert len(self.sleeps) < 1_000
        return False

    def round(self, seconds: float = 0.0) -> None:
        """One round of the fetcher's, so much later."""
        self.now += seconds
        self.fetcher._round()

    def begin(self, count: int) -> list[int]:
        """What threads take."""
        taken: list[int] = []
        while len(taken) < count:
            item = self.holdings.buffer.get_nowait()
            if not isinstance(item, Mark):
                taken.append(item[0])
        return taken

    def end(self, *tokens: int) -> None:
        """The threads are done with these jobs."""
        self.holdings.outcomes.extend(tokens)

    def announced(self) -> bool:
        """Whether the control thread was rung for."""
        try:
            return os.eventfd_read(self.shared.news) > 0
        except BlockingIOError:
            return False


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
        shared, own = scene.shared, scene.sleeper.descriptors()[0]
        for descriptor in {shared.wake.descriptor, shared.news, own, *scene.bell.descriptors}:
            os.close(descriptor)


Make = Callable[..., Scene]


def test_it_reserves_for_each_idle_thread_and_tells_of_ends(make: Make) -> None:
    """Two slots take two of three jobs; the third comes with the request that tells of the first end."""
    scene = make()
    scene.owner.queue(1, 2, 3)
    scene.round()
    assert scene.begin(2) == [1, 2]
    assert scene.shared.reserved == 2
    scene.end(1)
    scene.round()
    assert scene.begin(1) == [3]
    assert scene.owner.done == [1]
    assert (scene.shared.processed, scene.shared.reserved) == (1, 3)
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
    assert (scene.shared.processed, scene.shared.failed) == (1, 1)
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
    assert scene.shared.processed == 2
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
