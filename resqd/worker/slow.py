"""Which jobs are slow: seen as a worker reports what runs, so that no job pays for it."""

from __future__ import annotations

from collections.abc import Sequence

from resqd import events
from resqd.wire.messages import Running


class Slow:
    """Says once of each job that it has run for `seconds`; 0: never."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._told: set[int] = set()

    def look(self, running: Sequence[Running], now: float) -> None:
        """Look at what runs now, `now` in monotonic seconds."""
        if not self._seconds:
            return
        slow = {job.token: job for job in running if now - job.since >= self._seconds}
        for token, job in slow.items():
            if token not in self._told:
                name = f"{job.job_class} {job.job_id or '(no id)'}"
                events.Worker.job_slow(job=name, queue=job.queue, seconds=now - job.since)
        self._told = set(slow)
