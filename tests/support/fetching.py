"""A fetcher on its own: a scripted owner in the place of Redis's side, and a clock moved by hand."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

from resqd.aftermath import Aftermath
from resqd.settings import QueueSpec
from resqd.store.inflight.owner import Dismiss, Exchanged, Inflight, Outbox, Postpone, Reservation, Want
from resqd.store.redis.health import Backoff, Health
from resqd.store.resque.pauses import Paused
from resqd.wire.doorbell import Bell
from resqd.worker.demand import Demand
from resqd.worker.exchange import Exchange
from resqd.worker.fetcher import Fetcher
from resqd.worker.holdings import Done, Failed, Holdings, Mark
from resqd.worker.open_queues import OpenQueues
from resqd.worker.order import Order
from resqd.worker.poller import Poller, Sleeper
from resqd.worker.pool import Pool
from resqd.worker.prefetch import Permits, Prefetch
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
        self.settled: list[Postpone | Dismiss] = []
        self.closed: list[int] | None = None
        self.error: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self.ended: set[int] = set()
        self.departures = self
        self.gone: set[int] = set()
        self.held: set[int] | None = None
        self.looks = 0

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
        postponed, dismissed = [*outbox.postponed], [*outbox.dismissed]
        self.settled += [*postponed, *dismissed]
        outbox.postponed.clear()
        outbox.dismissed.clear()
        return Exchanged(
            batch,
            len(told[0]) + len(told[1]) + len(dismissed),
            len(told[1]),
            len(told[2]),
            postponed=len(postponed),
        )

    def close(self, done: list[int]) -> Exchanged:
        self._fail()
        self.closed = [*done]
        return Exchanged([], processed=len(done))

    def drop(self, tokens: list[int]) -> set[int]:
        return self.gone.intersection(tokens)

    def look(self) -> set[int] | None:
        self._fail()
        self.looks += 1
        return self.held

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
        self.quotas = Quotas(Demand(slots, {"q": cap} if cap else {}))
        self.quotas.begin({"q": cap} if cap else {})
        sources = Sources(
            specs=[QueueSpec("q", cap or None)],
            existing=list,
            waiting=lambda _queues: bool(self.owner.queued),
            quotas=self.quotas,
            paused=OpenQueues(lambda _queues: Paused((), "")),
            order=Order([QueueSpec("q")], "strict", lambda: 0.0),
            clock=self.clock,
        )
        self.holdings = Holdings(capped=sources.capped)
        self.health = Health(where="redis", clock=self.clock)
        self.shared = Shared(
            holdings=self.holdings,
            quotas=self.quotas,
            paused=OpenQueues(lambda _queues: Paused((), "")),
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
            told=lambda found: self.told.extend([*found.timed, *found.failed]),
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
