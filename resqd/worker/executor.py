"""A job thread: takes a reservation, runs the job, appends the outcome. It keeps no books."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from queue import Empty
from typing import TYPE_CHECKING

from resqd import events
from resqd.application.catalog import unknown_job
from resqd.current import bind_thread, stopped
from resqd.errors import JobInterrupt, PayloadError
from resqd.job import Job
from resqd.sealing import MARK
from resqd.store.inflight.owner import Dismiss, Reservation
from resqd.store.resque.payload import Payload, decode
from resqd.text import shown
from resqd.threads import Title, Wake
from resqd.wire.birth import Page, id_line, text_line, write_limit, write_line
from resqd.worker.copies import leave
from resqd.worker.endings import Endings
from resqd.worker.holdings import LAST, Buffer, Hand, Mark, Outcome, Settled
from resqd.worker.interrupt import Slot, Strikes, clear_pending
from resqd.worker.recorder import named
from resqd.worker.trial import Trials

if TYPE_CHECKING:
    from resqd.worker.isolation.isolation import Isolation
    from resqd.worker.tasks import Loop

RETRY = 1.0
"""Seconds between two tries at the bookkeeping of a job that is struck again and again."""


class Executor:
    """Runs jobs on one thread until it takes LAST.

    An exception may be raised in this thread from outside between any two instructions: ours, to end a
    job, and those of libraries that do the same and come late. So what was taken out of the buffer goes
    into the hand in one call of C code, and stays there until its outcome has been handed over; and every
    step can be taken up again from where hand, slot and outcome say that it stood. `run` does that; and where
    an exception ended the thread all the same, another thread's `run` goes on there. An outcome that is
    handed over twice counts once.
    """

    def __init__(
        self,
        *,
        index: int,
        buffer: Buffer,
        endings: Endings,
        jobs: Mapping[str, Job[..., object]],
        title: Title,
        trials: Callable[[Slot], Trials],
        decode: Callable[[bytes], Payload] = decode,
        loud: bool = False,
        loop: Loop | None = None,
        isolation: Isolation | None = None,
    ) -> None:
        self.index = index
        self.slot = Slot()
        self.finished = False
        """Whether it has taken LAST."""
        self.strikes = Strikes()
        self._page: Page
        self._show: Callable[..., None]
        self._wake: Wake
        self._hand = Hand(buffer)
        self._endings = endings
        self._jobs = jobs
        self._title = title
        self._try = self._perform_aloud if loud else self._perform
        self._trials = trials(self.slot)
        self._decode = decode
        self._loop = loop
        self._isolation = isolation

    def run(self, *, thread_id: int, page: Page, wake: Wake) -> None:
        """Run jobs on this thread, by whose identifier it can be interrupted.

        `page` is what the master looks at, `wake` rings the fetcher: both exist only since the fork. There may
        be two interrupts of a job, so there are two handlers. What others raise may end the thread here.
        """
        self.slot.thread_id = thread_id
        self._page, self._wake = page, wake
        self._show = partial(write_line, *page.line(self.index))
        while not self.finished:
            try:
                try:
                    self._work()
                except BaseException as error:  # noqa: BLE001 - whatever is raised in this thread from outside
                    self._struck(error)
            except BaseException as error:  # noqa: BLE001 - the same
                self._struck(error)

    def unload(self) -> None:
        """In place of a thread that has ended and cannot be replaced: settle what it had begun, put back the rest."""
        hand = self._hand.items
        while hand:
            item = hand[0]
            if not isinstance(item, Mark) and item[0] == self.slot.token:
                self._step(item)
            else:
                self._hand.buffer.put(item)
            del hand[0]

    def _work(self) -> None:
        bind_thread(self.slot)
        hand, take, wait, step = self._hand.items, self._hand.take, self._hand.wait, self._step
        while True:
            if not hand:
                try:
                    next(take)
                except Empty:
                    if not hand:  # else it was raised from outside
                        self._wake.ring()  # this thread is about to idle
                        next(wait)
            item = hand[0]
            if not isinstance(item, Mark):
                step(item)
                del hand[0]
            elif item is LAST:
                self.finished = True
                return
            else:
                self._wake.ring()
                del hand[0]

    def _struck(self, error: BaseException) -> None:
        """Note what struck; the work is taken up again. The fetcher may have missed a ring that was struck."""
        slot = self.slot
        slot.close()  # first: no more interrupts of ours after this
        clear_pending(slot.thread_id)
        if self._endings.copied:
            leave(error)
        self.strikes.note(error, slot)
        self._wake.ring_anew()
        if self._hand.items and self.strikes.too_many:
            time.sleep(RETRY)

    def _step(self, reservation: Reservation) -> None:
        """Run a job and hand over its outcome, or go on with that where an exception broke in."""
        token, queue, raw = reservation
        slot = self.slot
        if slot.token == token:
            outcome = slot.outcome
        else:
            if queue is not slot.queue:
                slot.line = text_line(queue)
            slot.outcome = None
            self._page.cells[self.index] = token
            slot.begin(token, queue)
            outcome = slot.outcome = self._try(token, raw)
        slot.close()
        if outcome is None:
            outcome = slot.outcome = self._broken(raw)
        slot.payload = None
        self._endings.outcomes.append(outcome)
        self._page.cells[self.index] = 0
        if self._wake.armed:
            self._wake.ring()

    def _broken(self, raw: bytes) -> Outcome:
        """The failure of a job that has begun and of whose end nothing is known: it was interrupted, or struck."""
        slot, error = self.slot, self.strikes.take()
        if slot.payload is None:  # struck before it was read; its record should name it all the same
            with contextlib.suppress(PayloadError):
                slot.payload = decode(raw)
        if error is None or slot.cancelled or isinstance(error, JobInterrupt):
            error = stopped(slot)
        return self._endings.of_failed(slot, raw, slot.payload, self._trials, error)

    def _perform(self, token: int, raw: bytes) -> Outcome:
        slot = self.slot
        try:
            slot.payload = payload = self._decode(raw)
            job = self._jobs.get(payload.job_class)
            if job is None:
                raise unknown_job(payload.job_class, self._jobs)  # noqa: TRY301 - one way out
            label = id_line(payload.id)  # by this the master names a job that lets nobody else here speak
            self._show(slot.since, label, job.label, slot.line, token)
            if self._title.idle:
                self._title.began(job.name, thread=f"job-{self.index}")
            ended: Outcome | None = None
            if job.bare and payload.marks is None:
                job.perform(*payload.args)
            elif job.simple and payload.marks is None:
                job.run(payload.args, self._trials.judge)
            else:
                ended = self._marked(job, payload)
        except JobInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the job's boundary: whatever it raises is its failure
            return self._endings.of_failed(slot, raw, slot.payload, self._trials, self._trials.told(error))
        if self._endings.copied:
            leave(None)
        if ended is not None:
            return ended
        if self._endings.timed:
            return token, payload.job_class, slot.since, time.monotonic(), payload.enqueued_at
        return token

    def _marked(self, job: Job[..., object], payload: Payload) -> Outcome | None:
        """Run a job that is more than a call of its code, or whose payload says more than the call."""
        marks = payload.marks
        if job.bare and marks is not None and marks.plain:  # as each of a batch
            job.perform(*payload.args)
            end = Dismiss(self.slot.token, "done", "", marks.debts)
            return Settled(self.slot.token, payload, end, self.slot.since, time.monotonic())
        return self._tried(job, payload)

    def _tried(self, job: Job[..., object], payload: Payload) -> Outcome | None:
        """Run a job that is more than a call of its code, by a process or by the event loop where it is for these."""
        if job.seal is not None or (payload.marks is not None and MARK in payload.marks.options):
            self.slot.payload = payload = job.opened(payload)
        loop, limit = self._loop, partial(write_limit, *self._page.limit(self.index))
        if job.options.isolate and self._isolation is not None:
            ended = self._trials.begin(job, payload, limit)
            if ended is None:
                return self._isolation.run(self.slot, job, payload, self._trials)
        elif job.is_async and job.loops and loop is not None and loop.open:
            return loop.lend(self.slot.token, self.slot.queue, payload, job)
        else:
            ended = self._trials.run(job, payload, limit)
        if ended is None:
            return None
        return Settled(self.slot.token, payload, ended, self.slot.since, time.monotonic())

    def _perform_aloud(self, token: int, raw: bytes) -> Outcome:
        """The same, told in the log: chosen at the start, so that no job pays for it otherwise."""
        try:
            payload = decode(raw)
        except PayloadError:
            return self._perform(token, raw)  # which says so as its failure
        job, place = named(payload), shown(self.slot.queue)
        events.Worker.job_begins(job=job, queue=place)
        outcome = self._perform(token, raw)
        events.Worker.job_ended(job=job, queue=place, seconds=time.monotonic() - self.slot.since)
        return outcome
