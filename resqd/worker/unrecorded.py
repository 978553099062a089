"""What Redis refuses to take from a worker: failed jobs' records, and jobs that are to run later."""

from __future__ import annotations

from resqd import events
from resqd.clock import Clock, Complaints
from resqd.store.inflight.owner import Exchanged, Inflight, Postpone, Recorded

MOST = 1_000
"""So many may wait in one worker before it takes no more jobs: each holds its record in Redis beside its payload."""
TRY_EVERY = 2.0
"""Seconds between two tries."""


class Unrecorded:
    """Counts the failures, keeps the others, and says when to try.

    Redis keeps the records, so a worker's death loses none. A job that was to run later stays in flight, and runs
    again when its worker has ended.
    """

    def __init__(self, clock: Clock) -> None:
        self.next_at = float("inf")
        """When to try again."""
        self.unmoved: tuple[Postpone, ...] = ()
        """The jobs that were to run later."""
        self._count = 0
        self._clock = clock
        self._complaints = Complaints(clock)

    @property
    def full(self) -> bool:
        """Whether so many wait that no more jobs should be begun."""
        return self._count + len(self.unmoved) >= MOST

    def note(self, exchanged: Exchanged) -> None:
        """Note what an exchange could not record."""
        if exchanged.withheld:
            self._count += exchanged.withheld
            self.next_at = min(self.next_at, self._clock() + TRY_EVERY)
            self._complain(exchanged.refusal)
        if exchanged.unmoved:
            self.unmoved += exchanged.unmoved
            self.next_at = min(self.next_at, self._clock() + TRY_EVERY)
            if self._complaints.due(exchanged.refusal):
                events.Worker.jobs_unmoved(refusal=exchanged.refusal, count=len(self.unmoved))

    def take_unmoved(self) -> tuple[Postpone, ...]:
        """Take the jobs that were to run later out, to try it again."""
        taken, self.unmoved = self.unmoved, ()
        return taken

    def retry(self, inflight: Inflight) -> None:
        """Try to record them. Errors: StoreError; then they are tried again after the next exchange."""
        self.next_at = self._clock() + TRY_EVERY
        result: Recorded = inflight.record()
        if result.recorded:
            events.Worker.failures_recorded(count=result.recorded)
        self._count = result.left
        if result.left:
            self._complain(result.refusal)
        else:
            self.next_at = float("inf")

    def _complain(self, refusal: str) -> None:
        if self._complaints.due(refusal):
            events.Worker.failures_unrecorded(refusal=refusal, count=self._count)
