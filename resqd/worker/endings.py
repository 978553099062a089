"""Where the jobs of a worker end: all outcomes come in here, and those of jobs that failed are made here."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Container
from typing import TYPE_CHECKING

from resqd.errors import Handover
from resqd.store.inflight.owner import Dismiss, Failure, Postpone
from resqd.worker.copies import leave
from resqd.worker.holdings import Failed, Outcome, Settled, Unfinished
from resqd.worker.recorder import Report

if TYPE_CHECKING:
    from resqd.store.resque.payload import Payload
    from resqd.worker.interrupt import Slot
    from resqd.worker.trial import Trials

Told = Failure | Postpone | Dismiss


class Endings:
    """What the job threads and the event loop of one worker share.

    `spared` are the jobs that go back to their queues where an interrupt ends them. `timed`: jobs that simply
    succeed are told with their times, for metrics.
    """

    def __init__(
        self, *, outcomes: deque[Outcome], spared: Container[int], report: Report, timed: bool
    ) -> None:
        self.outcomes = outcomes
        self.timed = timed
        self.copied = False
        """Whether this process is a copy that a job forked: it must take no other job, and settle none."""
        self._spared = spared
        self._report = report

    def of_failed(
        self, slot: Slot, raw: bytes, payload: Payload | None, trials: Trials, error: BaseException
    ) -> Outcome:
        """The outcome of the job in this slot, which ended with `error`; a copy leaves with it instead."""
        told = self.judged(slot, raw, payload, trials, error)
        return Unfinished(slot.token) if told is None else self.outcome(slot, payload, told)

    def judged(
        self, slot: Slot, raw: bytes, payload: Payload | None, trials: Trials, error: BaseException
    ) -> Told | None:
        """What is to be told of it; None where it goes back to its queue, uncharged."""
        if self.copied:
            leave(error)
        if isinstance(error, Handover) or (slot.cancelled and self.spares(slot)):
            return None
        return self._report(
            slot.token,
            queue=slot.queue,
            raw=raw,
            payload=payload,
            error=error,
            judgement=trials.fate(error),
            since=slot.since,
        )

    def spares(self, slot: Slot) -> bool:
        """Whether the job goes back to its queue where an interrupt ends it."""
        return slot.token in self._spared

    @staticmethod
    def outcome(slot: Slot, payload: Payload | None, told: Told) -> Outcome:
        """The outcome of a job of which this is to be told."""
        kind = Failed if isinstance(told, Failure) else Settled
        return kind(slot.token, payload, told, slot.since, time.monotonic())  # type: ignore[arg-type] # each has its own
