"""What the fetcher, the job threads and the control thread of one worker share, and what the fetcher may do."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from resqd.store.inflight.owner import Exchanged, Reservation, Tally
from resqd.store.redis.health import Health
from resqd.threads import Wake
from resqd.wire.intent import Intent
from resqd.wire.messages import Slots
from resqd.worker.holdings import Holdings
from resqd.worker.open_queues import OpenQueues
from resqd.worker.prefetch import Prefetch
from resqd.worker.queues import Quotas


class Mandate(Enum):
    """What the control thread lets the fetcher do."""

    RESERVE = "reserve"
    HOLD = "hold"  # reserve nothing, return what has not started
    LEAVE = "leave"  # hold, and end when nothing runs any more
    ABANDON = "abandon"  # leave what runs in flight, and end now: it is recovered when the process is gone


MANDATES = {
    Intent.RUNNING: Mandate.RESERVE,
    Intent.PAUSED: Mandate.HOLD,
    Intent.DRAINING: Mandate.LEAVE,
    Intent.STOPPING: Mandate.LEAVE,
}


@dataclass(slots=True)
class Counted:
    """What the fetcher has counted in this life, by Redis's own word but for `reserved`."""

    processed: int = 0
    failed: int = 0
    reserved: int = 0
    tally: Tally = field(default_factory=Tally)

    def add(self, exchanged: Exchanged) -> None:
        """Count what Redis has confirmed."""
        self.processed += exchanged.processed
        self.failed += exchanged.failed
        if any(exchanged.tally):
            self.tally = self.tally.plus(exchanged.tally)


class Shared:
    """Made once after the fork. Each attribute has one writer.

    The control thread writes `mandate` and `slots`, and orders the quotas. The fetcher writes the rest: what it
    has counted, whether its permits are `near_end` or `outgrown`, and its `reason` once it has ended. Each rings for
    the other: the control thread by `wake`, the fetcher by `news`, a descriptor that becomes readable.
    """

    def __init__(
        self,
        *,
        holdings: Holdings,
        quotas: Quotas,
        paused: OpenQueues,
        prefetch: Prefetch,
        health: Health,
        mandate: Mandate,
        slots: int,
    ) -> None:
        self.holdings = holdings
        self.quotas = quotas
        self.paused = paused
        self.prefetch = prefetch
        self.health = health
        self.mandate = mandate
        self.slots = slots
        """How many jobs may run at once."""
        self.wake = Wake()
        self.news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.counted = Counted()
        self.near_end = False
        """Whether a successor should be made ready: the last permit is near."""
        self.outgrown = False
        """Whether a recycled worker only waits for jobs that take long."""
        self.reason = ""
        """Why the fetcher has ended; empty while it works."""
        self._gate = threading.Lock()

    @property
    def leaving(self) -> bool:
        """Whether the worker is to end."""
        return self.mandate in (Mandate.LEAVE, Mandate.ABANDON)

    @property
    def holding(self) -> bool:
        """Whether nothing more is to begin here, and what can should go on elsewhere."""
        return self.outgrown or self.mandate is not Mandate.RESERVE

    def order(self, mandate: Mandate) -> None:
        """Give the fetcher another mandate. Once this has returned, no job goes to the threads unless it is to reserve.

        What no thread has begun is taken from them as well.
        """
        if self.mandate is mandate:
            return
        with self._gate:
            self.mandate = mandate
        if mandate is not Mandate.RESERVE:
            self.holdings.recall()
        self.wake.ring()

    def grant(self, order: Slots) -> None:
        """Allow so many jobs at once, and of each capped queue its quota."""
        self.slots = order.count
        self.quotas.order(order.serial, order.quotas)
        self.wake.ring()

    def pause_queues(self, queues: Iterable[str]) -> None:
        """Take no jobs from these queues, and from all others again."""
        self.paused.order(queues)
        self.wake.ring()

    def hand_out(self, batch: list[Reservation], now: float) -> bool:
        """Give a batch to the threads; False where the mandate has changed meanwhile, and it must not begin here."""
        with self._gate:
            if reserving := self.mandate is Mandate.RESERVE:
                self.holdings.take_in(batch, now)
        return reserving

    def announce(self) -> None:
        """Let the control thread look at what has changed."""
        os.eventfd_write(self.news, 1)
