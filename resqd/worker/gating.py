"""What a fetcher knows of limits: the gates of each job, and how much to reserve while jobs are parked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from resqd.errors import PayloadError, StoreError
from resqd.job import Job
from resqd.store.gates.calls import Gate, Most
from resqd.store.gates.gates import Gates
from resqd.store.inflight.owner import Exchanged, Want
from resqd.store.resque.payload import ReadPayload, decode

AT_A_TIME = 1000
"""How many jobs to reserve while most are only parked: Redis is held up for some milliseconds by so many."""
MOSTLY = 4
"""So many times as many as the others are parked then."""
AHEAD = 0.005
"""Seconds of work for which jobs may hold gates before a thread is free: other workers' jobs wait for these."""


ASK_AGAIN = 1.0
"""Seconds until Redis, which does not answer, may say what is to come."""


class Gatekeeper:
    """Tells the gates of jobs by their payloads, which it hands on decoded."""

    def __init__(self, jobs: Mapping[str, Job[..., Any]]) -> None:
        self._jobs = jobs

    def __call__(self, raw: bytes) -> tuple[str, tuple[Gate, ...], bytes]:
        """What the job is called where it is parked, its gates, and its bytes, as read.

        There are no gates for what cannot be read, which will fail.
        """
        try:
            payload = decode(raw)
        except PayloadError:
            return "", (), raw
        job, read = self._jobs.get(payload.job_class), ReadPayload.of(payload)
        if job is None or job.gauge is None:
            return "", (), read
        try:
            return _ticket(payload.id), job.gauge.gates(job.opened(payload).args), read
        except PayloadError:
            return "", (), read  # it cannot be decrypted


def _ticket(job_id: str | None) -> str:
    """What a job is called where it is parked, on one line."""
    if not job_id:
        return secrets.token_hex(16)
    return job_id if "\n" not in job_id else job_id.replace("\n", " ")


class Parked:
    """What is to come of jobs that are parked, for a worker whose queues are empty and who would end."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    def due_in(self) -> float | None:
        """In how many seconds one may be back in its queue, 0 where one is; None: not before another job ends."""
        try:
            settled = self._gates.round()
        except StoreError:
            return ASK_AGAIN
        return 0.0 if settled.passed else settled.due_in


@dataclass(slots=True)
class Appetite:
    """How many jobs to reserve of queues some of whose jobs may be parked."""

    _refused: bool = False  # the last look brought hardly anything but jobs that were parked
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
        others = len(exchanged.batch) + exchanged.over
        self._refused = exchanged.parked > MOSTLY * others
        return exchanged.parked + others
