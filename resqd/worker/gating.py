"""What a fetcher knows of limits: the gates of each job, and how much to reserve while jobs are parked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from resqd.errors import PayloadError
from resqd.job import Job
from resqd.store.gates.calls import Gate, Most
from resqd.store.inflight.owner import Exchanged, Want
from resqd.store.resque.payload import decode

AT_A_TIME = 500
"""How many jobs to reserve while the first ones of the queue are only parked."""
AHEAD = 0.005
"""Seconds of work for which jobs may hold gates before a thread is free: other workers' jobs wait for these."""


class Gatekeeper:
    """Tells the gates of jobs by their payloads, which only an application with limits has decoded twice."""

    def __init__(self, jobs: Mapping[str, Job[..., Any]]) -> None:
        self._jobs = jobs

    def __call__(self, raw: bytes) -> tuple[str, tuple[Gate, ...]]:
        """What the job is called where it is parked, and its gates; none for what cannot be read, which will fail."""
        try:
            payload = decode(raw)
        except PayloadError:
            return "", ()
        job = self._jobs.get(payload.job_class)
        if job is None or job.gauge is None:
            return "", ()
        try:
            return payload.id or secrets.token_hex(16), job.gauge.gates(job.opened(payload).args)
        except PayloadError:
            return "", ()  # it cannot be decrypted


@dataclass(slots=True)
class Appetite:
    """How many jobs to reserve of queues some of whose jobs may be parked."""

    _refused: bool = False  # the last look brought nothing but jobs that were parked
    _over: bool = False  # it brought jobs that could not begin here

    def patient(self, idle: int) -> bool:
        """Whether to wait for an idle thread: what was reserved last went back for want of one."""
        return self._over and idle <= 0

    def aim(self, want: Want, *, idle: int, pace: float) -> Want:
        """The same, with how many may begin; of those with gates only what threads can start soon."""
        begin = Most(want.count, max(0, idle) + int(pace * AHEAD))
        count = max(want.count, AT_A_TIME) if self._refused else want.count
        if self._over and not self._refused:
            count = max(1, min(count, begin.gated))
        return replace(want, count=count, begin=begin)

    def note(self, exchanged: Exchanged) -> int:
        """How many jobs a look has found, begun or not."""
        self._over = exchanged.over > 0
        self._refused = bool(exchanged.parked and not exchanged.batch)
        return len(exchanged.batch) + exchanged.parked + exchanged.over
