"""Failures whose records no list takes: their jobs stay in flight, and are tried again now and then."""

from __future__ import annotations

import logging

from resqd.clock import Clock
from resqd.complaints import Complaints
from resqd.store.inflight import Exchanged, Inflight, Recorded

_log = logging.getLogger(__name__)

MOST = 1_000
"""So many may wait in one worker before it takes no more jobs: each holds its record in Redis beside its payload."""
TRY_EVERY = 2.0
"""Seconds between two tries."""


class Unrecorded:
    """Counts them, and says when to try. Redis keeps the records, so a worker's death loses none."""

    def __init__(self, clock: Clock) -> None:
        self.next_at = float("inf")
        """When to try again."""
        self._count = 0
        self._clock = clock
        self._complaints = Complaints(clock)

    @property
    def full(self) -> bool:
        """Whether so many wait that no more jobs should be begun."""
        return self._count >= MOST

    def note(self, exchanged: Exchanged) -> None:
        """Note what an exchange could not record."""
        if exchanged.withheld:
            self._count += exchanged.withheld
            self.next_at = min(self.next_at, self._clock() + TRY_EVERY)
            self._complain(exchanged.refusal)

    def retry(self, inflight: Inflight) -> None:
        """Try to record them. Errors: StoreError; then they are tried again after the next exchange."""
        self.next_at = self._clock() + TRY_EVERY
        result: Recorded = inflight.record()
        if result.recorded:
            _log.info("%d failures are recorded at last", result.recorded)
        self._count = result.left
        if result.left:
            self._complain(result.refusal)
        else:
            self.next_at = float("inf")

    def _complain(self, refusal: str) -> None:
        if self._complaints.due(refusal):
            _log.error(
                "a failure cannot be recorded: %s; %d such jobs stay in flight with their records until that key "
                "is a list again, or deleted",
                refusal,
                self._count,
            )
