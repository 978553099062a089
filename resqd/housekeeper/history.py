"""What this daemon counts, put into Redis's history each minute; and the merging, where it falls to this daemon."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Final, Protocol

from resqd.store.history.row import ClassCounts, QueueLooks, Row
from resqd.store.history.spans import MINUTE, start
from resqd.store.resque.measure import Measured
from resqd.wire.messages import Busy, JobMetrics

PUT_WITHIN: Final = 5.0
"""Seconds after a minute's end within which its row is put, so that a fleet does not come at once."""
MERGE_AFTER: Final = 15.0
"""Seconds after a minute's end when its rows are merged: every daemon that is well has put its own."""
MERGE_WITHIN: Final = 10.0
CROWD: Final = 2_000
"""Classes in one row before it is cut to the most busy: they may be strangers' names."""
OTHERS: Final = "other"


class Merges(Protocol):
    """The store's side."""

    def put(self, minute: int, row: Row) -> None:
        """Add this daemon's row of a minute."""

    def reign(self, token: str) -> bool:
        """Whether it falls to this daemon to merge now."""

    def merge(self, token: str, *, sample: Row, now: float) -> bool:
        """Merge what there is; False where another has taken over."""


class Recorder:
    """`take` is called by the control thread, all else by the keeper's.

    `look` measures the queues, `now` asks Redis for its time (seconds since 1970), by which all hosts have the same
    minutes; `random` returns floats in [0, 1).
    """

    def __init__(
        self,
        *,
        merger: Merges,
        look: Callable[[], Measured],
        now: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._merger = merger
        self._look = look
        self._now = now
        self._put_after = PUT_WITHIN * random()
        self._merge_after = MERGE_AFTER + MERGE_WITHIN * random()
        self._put_at = self._merge_at = 0.0
        self._wait = 0.0
        self._lock = threading.Lock()
        self._row = Row()
        self._busy: dict[int, int] = {}
        self._unsaid: tuple[int, Row] | None = None

    def take(self, busy: Busy) -> None:
        """Note what a worker runs and has counted."""
        with self._lock:
            self._busy[busy.pid] = len(busy.running)
            if not busy.running:
                del self._busy[busy.pid]
            for each in busy.metrics:
                self._count(each)

    def _count(self, each: JobMetrics) -> None:
        classes = self._row.classes
        known = each.job_class in classes or len(classes) < CROWD
        counts = self._row.of_class(each.job_class if known else OTHERS)
        ran = each.succeeded + each.failed + each.retried + each.discarded
        fresh = ClassCounts(
            each.started, each.succeeded, each.failed, each.retried, each.discarded, each.expired
        )
        fresh.ran.add([ms / 1000 for ms in each.run_ms], ran)
        fresh.waited.add([ms / 1000 for ms in each.wait_ms], ran)
        counts.merge(fresh)

    def wait(self) -> float:
        """Seconds until the next `tend`, reckoned at the end of the last."""
        return self._wait

    def tend(self) -> None:
        """Put the row of a minute that has ended, and merge, where it is time to. May raise a StoreError."""
        now = self._now()
        this = start(now, MINUTE)
        if not self._put_at:
            self._put_at, self._merge_at = this + MINUTE + self._put_after, this + MINUTE + self._merge_after
        if now >= self._put_at:
            self._put(this - MINUTE)
            self._put_at = this + MINUTE + self._put_after
        if now >= self._merge_at:
            self._merge(now)
            self._merge_at = this + MINUTE + self._merge_after
        self._wait = max(0.0, min(self._put_at, self._merge_at) - now)

    def leave(self) -> None:
        """This process ends: put what was counted in the minute that runs. May raise a StoreError."""
        self._put(start(self._now(), MINUTE))

    def _put(self, minute: int) -> None:
        """Put the row. One that may not have arrived is put again as it was, so that it counts once.

        Of one minute there is one row: what was counted since goes into the next.
        """
        if self._unsaid is not None:
            self._merger.put(*self._unsaid)
            (before, _), self._unsaid = self._unsaid, None
            if before == minute:
                return
        with self._lock:
            row, self._row = self._row, Row()
            row.running = sum(self._busy.values())
        if not row.blank:
            self._unsaid = minute, row
            self._merger.put(minute, row)
            self._unsaid = None

    def _merge(self, now: float) -> None:
        token = secrets.token_hex(8)
        if self._merger.reign(token):
            self._merger.merge(token, sample=sampled(self._look()), now=now)


def sampled(measured: Measured) -> Row:
    """One look at all queues, as far as jobs wait there."""
    return Row(
        queues={
            queue: QueueLooks(length, length, measured.latencies.get(queue, 0.0))
            for queue, length in measured.lengths.items()
            if length
        }
    )
