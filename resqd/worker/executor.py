"""A job thread: takes a reservation, runs the job, appends the outcome. It keeps no books."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from typing import NamedTuple, NoReturn, Protocol

from resqd.errors import DirtyExit, JobInterrupt, PayloadError, UnknownJob
from resqd.job import Job, bind_thread
from resqd.stdout import flush_streams
from resqd.store.inflight import Failure, Reservation
from resqd.store.payload import Payload, decode
from resqd.worker.interrupt import Slot
from resqd.worker.mandate import Wake

Done = tuple[int, str, float, float, float | None]
"""A job that succeeded, when metrics are wanted; else the bare token stands for it. A bare tuple, since it is made
for each job: token, class, when it began and ended (monotonic), when it was enqueued (seconds since 1970)."""


class Failed(NamedTuple):
    """A job that did not succeed, with what is to be recorded of it."""

    token: int
    payload: Payload | None
    failure: Failure
    began: float
    ended: float


Outcome = int | Done | Failed


class Mark:
    """What may stand between reservations in the buffer: HALF rings the fetcher, LAST ends a thread."""


HALF = Mark()
LAST = Mark()
Buffer = SimpleQueue[Reservation | Mark]


class Report(Protocol):
    """Makes the failure record of a job."""

    def __call__(
        self, token: int, *, queue: str, raw: bytes, payload: Payload | None, error: BaseException
    ) -> Failure:
        """The record, and the lists that it goes to."""


class Executor:
    """Runs jobs on one thread until it takes LAST.

    An interrupt may strike anywhere between `slot.begin` and the end of `slot.close`, and nowhere else; so
    all of it stands in a `try`, and an outcome that was already there is kept. The second one (there are at
    the most interrupt.MOST) may strike the handler of the first, outside of any loop that one could write
    there: hence one `try` around the other.
    """

    def __init__(
        self,
        *,
        index: int,
        buffer: Buffer,
        outcomes: deque[Outcome],
        jobs: Mapping[str, Job[..., object]],
        timed: bool,
        report: Report,
    ) -> None:
        self.index = index
        self.slot = Slot()
        self.copied = False
        """Whether this process is a copy that a job forked: it must take no other job, and settle none."""
        self._cells: memoryview
        self._wake: Wake
        self._buffer = buffer
        self._outcomes = outcomes
        self._jobs = jobs
        self._timed = timed
        self._report = report

    def run(self, *, thread_id: int, cells: memoryview, wake: Wake) -> None:
        """Run jobs on this thread, by whose identifier it can be interrupted.

        `cells` is the page's view, `wake` rings the fetcher: both exist only since the fork.
        """
        self.slot.thread_id = thread_id
        self._cells = cells
        self._wake = wake
        bind_thread(self.slot)
        while (item := self._next()) is not LAST:
            if isinstance(item, Mark):
                self._wake.ring()
            else:
                self._step(item)

    def _next(self) -> Reservation | Mark:
        try:
            return self._buffer.get_nowait()
        except Empty:
            self._wake.ring()  # this thread is about to idle
            return self._buffer.get()

    def _step(self, reservation: Reservation) -> None:
        token, queue, raw = reservation
        slot = self.slot
        outcome: Outcome | None = None
        self._cells[self.index] = token
        try:
            try:
                slot.begin(token, queue)
                outcome = self._perform(token, queue, raw)
                slot.close()
            except JobInterrupt:
                slot.close()
        except JobInterrupt:
            slot.close()
        if outcome is None:
            if slot.payload is None:  # struck before it was read; its record should name it all the same
                with contextlib.suppress(PayloadError):
                    slot.payload = decode(raw)
            outcome = self._failed(token, queue, raw, DirtyExit("Job was killed"))
        slot.payload = None
        self._outcomes.append(outcome)
        self._cells[self.index] = 0
        if self._wake.armed:
            self._wake.ring()

    def _perform(self, token: int, queue: str, raw: bytes) -> Outcome:
        slot = self.slot
        try:
            slot.payload = payload = decode(raw)
            job = self._jobs.get(payload.job_class)
            if job is None:
                raise UnknownJob(f"no job is registered as {payload.job_class!r}")  # noqa: TRY301 - one way out
            if job.plain:
                job.perform(*payload.args)
            else:
                job.run(payload.args)
        except JobInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the job's boundary: whatever it raises is its failure
            if self.copied:
                _leave(error)
            return self._failed(token, queue, raw, DirtyExit("Job was killed") if slot.cancelled else error)
        if self.copied:
            _leave(None)
        if self._timed:
            return token, payload.job_class, slot.since, time.monotonic(), payload.enqueued_at
        return token

    def _failed(self, token: int, queue: str, raw: bytes, error: BaseException) -> Outcome:
        payload = self.slot.payload
        failure = self._report(token, queue=queue, raw=raw, payload=payload, error=error)
        return Failed(token, payload, failure, self.slot.since, time.monotonic())


def _leave(error: BaseException | None) -> NoReturn:
    """End a copy as Python would: what it has printed is written out, and sys.exit's status is its own."""
    status = 0 if error is None else 1
    if isinstance(error, SystemExit):
        status = error.code & 0xFF if isinstance(error.code, int) else int(error.code is not None)
    flush_streams()
    os._exit(status)
