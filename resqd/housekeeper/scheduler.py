"""Does the work of Ruby's resque-scheduler when nobody else does: moves its delayed jobs when they are due."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from resqd import events
from resqd.clock import Clock
from resqd.errors import PayloadError
from resqd.store.keys import Keys
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads
from resqd.store.resque.failure_record import build_record
from resqd.store.scheduler.delayed_job import read
from resqd.store.scheduler.promotion import LOCK_SECONDS, Move, Promotion

LOOK_EVERY = 5.0
"""Seconds between two looks, as often as Ruby's scheduler looks and renews its lock."""
QUIET = 2 * LOOK_EVERY
"""The same where nothing is delayed, nobody holds the lock, and it is not for us to take."""
SHARE = 0.5
"""Seconds of moving jobs after which the keeper's other duties have their turn."""
NO_QUEUE = "resqd.NoQueue"
"""The error of a delayed job that names no queue, where no registered job has its class's name. Ruby loses it."""


@dataclass(slots=True)
class Absence:
    """Whether no Ruby scheduler has been there for so long that none is to be expected; times are in seconds.

    A lock that ran out was not renewed for its 180 s, which is proof enough. One that was let go may be taken again
    in a moment, by a scheduler that is being deployed: then as long a time must pass. So it must after a gap between
    looks, in which anything may have happened.
    """

    patience: float = LOCK_SECONDS
    gap: float = 6 * LOOK_EVERY
    _looked_at: float = float("-inf")
    _free_since: float | None = None
    _ends_at: float | None = None

    def look(self, *, held: bool, expires_in: float | None, now: float) -> bool:
        """Note a look at the lock; whether none is to be expected."""
        if now - self._looked_at > self.gap:
            self._free_since = self._ends_at = None
        self._looked_at = now
        if held:
            self._free_since = None
            self._ends_at = None if expires_in is None else now + expires_in
            return False
        if self._free_since is None:
            ran_out = self._ends_at is not None and now >= self._ends_at
            self._free_since = now - self.patience if ran_out else now
        return now - self._free_since >= self.patience


class Judge:
    """What becomes of a due payload: its job goes to its queue, or where that cannot be told, a record to `failed`.

    `queue_of` gives the queue of a class that is registered here.
    """

    def __init__(
        self,
        *,
        keys: Keys,
        worker_id: str,
        queue_of: Callable[[str], str | None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._worker_id = worker_id
        self._queue_of = queue_of
        self._wall = wall

    def __call__(self, raw: bytes) -> Move:
        """Judge one payload. Never raises."""
        try:
            job = read(raw)
            queue = job.queue or self._queue_of(job.job_class)
            if queue is None:
                return self._failed(raw, (NO_QUEUE, "the delayed job names no queue"))
            pushed = encoding.encode(job.job_class, job.args, id=encoding.new_id(), enqueued_at=self._wall())
        except PayloadError as error:
            return self._failed(raw, ("resqd.PayloadError", str(error)))
        return Move(raw, pushed, self._keys.queue(queue), queue)

    def _failed(self, raw: bytes, error: tuple[str, str]) -> Move:
        try:
            payload = payloads.decode(raw)
        except PayloadError:
            payload = None
        record = build_record(
            raw=raw,
            payload=payload,
            exception=error,
            backtrace=[],
            worker=self._worker_id,
            queue="",
            failed_at=datetime.fromtimestamp(self._wall(), UTC),
        )
        return Move(raw, record, self._keys.failed, "")


class Scheduler:
    """Looks every 5 s, and when the next job is due. `own` is the lock's value where it is ours to take, else ''.

    Without it jobs are moved only while nobody holds the lock, and none is to be expected: see Absence.
    Owned by the keeper's thread.
    """

    def __init__(self, *, promotion: Promotion, judge: Judge, own: str, clock: Clock) -> None:
        self._promotion = promotion
        self._judge = judge
        self._own = own
        self._clock = clock
        self._absence = Absence()
        self._look_at = float("-inf")
        self._active: bool | None = None

    def tend(self) -> None:
        """Look, where it is time to, and move what is due, for half a second at most. May raise a StoreError."""
        now = self._clock()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY
        while (due := self._due()) is not None:
            if not self._moves(*due) or self._clock() >= now + SHARE:
                self._look_at = self._clock()
                return

    @property
    def active(self) -> bool:
        """Whether it was for us to move jobs at the last look."""
        return bool(self._active)

    def wait(self) -> float:
        """Seconds until there is something to do."""
        return max(0.0, self._look_at - self._clock())

    def leave(self) -> None:
        """The daemon ends: let go of the lock. May raise a StoreError."""
        self._promotion.release()

    def _in_charge(self, holder: str, expires_in: float | None, now: float) -> bool:
        absent = self._absence.look(held=bool(holder), expires_in=expires_in, now=now)
        active = holder == self._own if self._own else absent
        if active != self._active:
            if active:
                events.Housekeeper.scheduling()
            elif self._active:
                events.Housekeeper.scheduling_left(holder=holder or "nobody yet")
            self._active = active
        return active

    def _due(self) -> tuple[int, float] | None:
        """The first moment that is due and Redis's time, where it is for us to move its jobs."""
        now, sight = self._clock(), self._promotion.look()
        if not self._own and not sight.holder and sight.first is None:
            self._look_at = now + QUIET
        if (
            not self._in_charge(sight.holder, sight.expires_in, now)
            or sight.first is None
            or sight.now is None
        ):
            return None
        if sight.first <= sight.now:
            return sight.first, sight.now
        self._look_at = min(self._look_at, now + sight.first - sight.now)
        return None

    def _moves(self, timestamp: int, now: float) -> bool:
        """Move some of what is due at one moment; whether it is worth going on at once."""
        moved = self._promotion.promote(timestamp, now, self._judge)
        if moved.refused:
            events.Housekeeper.delayed_refused(count=moved.refused)
        return not (moved.refused or moved.held_by)
