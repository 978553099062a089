"""One try of a job that is more than a call of its code: whether it begins, how long it may run, what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from resqd import events
from resqd.current import stopped
from resqd.errors import DirtyExit, JobInterrupt, Undecipherable
from resqd.job import Job
from resqd.retry import decide
from resqd.store.debts import Debts
from resqd.store.inflight.owner import Dismiss
from resqd.store.resque.marks import UNMARKED
from resqd.store.resque.outcome import kept, refusal, with_value
from resqd.store.resque.payload import Payload, believed
from resqd.store.resque.tries import tried
from resqd.text import shown
from resqd.worker.interrupt import Slot
from resqd.worker.ladder import Alarm
from resqd.worker.recorder import Fate, Judgement, named
from resqd.worker.results import Kept
from resqd.worker.strangers import Strangers

Limit = Callable[[float, int], object]
"""Writes on the shared page when the job with a token must have ended, in monotonic seconds."""


class ServerClock:
    """The time by Redis's clock, as far as it is known: the clocks of hosts need not agree."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._ahead: float | None = None

    def heard(self, server_time: float) -> None:
        """Note what Redis says that the time is."""
        self._ahead = server_time - self._wall()

    def time(self) -> float | None:
        """Seconds since 1970; None where Redis has not been asked."""
        return None if self._ahead is None else self._wall() + self._ahead


class Trials:
    """The tries on one job thread, whose `slot` says which one it is now."""

    def __init__(
        self,
        slot: Slot,
        *,
        jobs: Mapping[str, Job[..., object]],
        alarm: Alarm,
        clock: ServerClock,
        strangers: Strangers | None = None,
    ) -> None:
        self._slot = slot
        self._jobs = jobs
        self._alarm = alarm
        self._clock = clock
        self._strangers = strangers
        self._judged: tuple[int, Judgement] = (0, None)

    def run(self, job: Job[..., object], payload: Payload, limit: Limit) -> Dismiss | None:
        """Run the job, unless it has expired. None: a success and no more; raises what the job raises."""
        ended = self.begin(job, payload, limit)
        return self.work(job, payload) if ended is None else ended

    def work(self, job: Job[..., object], payload: Payload) -> Dismiss | None:
        """The rest of it."""
        kept = Kept(job, payload)
        if job.direct and not kept.gives:
            kept.value = job.perform(*payload.args)
        else:
            job.run(payload.args, self.judge, kept.keep)
        return self.end(job, payload, kept)

    def begin(self, job: Job[..., object], payload: Payload, limit: Limit) -> Dismiss | None:
        """See whether the job has expired, and set its limit."""
        marks, token = payload.marks or UNMARKED, self._slot.token
        if marks.plain and job.bare:
            job.perform(*payload.args)
            return Dismiss(token, "done", "", marks.debts)
        expires = marks.seconds("expires") or job.options.expires
        if expires is not None and (late := self._expired(payload, expires)) is not None:
            events.Worker.job_expired(job=named(payload), queue=shown(self._slot.queue), late=late)
            job.hooks.report_discard("expired", payload.args)
            return Dismiss(token, "expired", debts=marks.debts)
        timeout = marks.seconds("timeout") or job.options.timeout
        if timeout is not None:
            self._slot.timed = token, self._slot.since + timeout
            limit(self._slot.since + timeout, token)
            self._alarm.set(self._slot.since + timeout)
        return None

    def end(self, job: Job[..., object], payload: Payload, returned: Kept) -> Dismiss | None:
        """What is to be told of a job that has succeeded, and of what it returned; None: that, and no more."""
        marks = payload.marks or UNMARKED
        known, debts = (
            tried(payload),
            (*returned.debts, *kept(marks.debts, payload.id, job.options.keep_result)),
        )
        if not known and not debts:
            return None
        return Dismiss(self._slot.token, "done", known, self._valued(debts, returned.value, job))

    def _valued(self, debts: Debts, value: object, job: Job[..., object]) -> Debts:
        """With what the job has returned, where somebody wants to know; encrypted, where its App has keys."""
        valued = with_value(debts, value, None if job.seal is None else job.seal.keyring.value)
        if (why := refusal(valued)) is not None and self._slot.payload is not None:
            events.Worker.result_not_kept(job=named(self._slot.payload), why=why)
        return valued

    def _expired(self, payload: Payload, expires: float) -> float | None:
        """For how many seconds it need not begin any more; None where it should, or nobody knows."""
        marks, now = payload.marks or UNMARKED, self._clock.time()
        due = marks.seconds("due") or believed(payload.enqueued_at)
        if now is None or due is None or marks.begun or payload.generation != 1:
            return None
        late = now - due - expires
        return late if late > 0 else None

    def judge(self, error: BaseException) -> Judgement:
        """What becomes of the job on this thread, which ended with this error. Asked again, the same.

        Else the hooks might be told of another delay than the job gets.
        """
        slot = self._slot
        if self._judged[0] != slot.token:
            self._judged = slot.token, self._judge(error)
        return self._judged[1]

    def fate(self, error: BaseException) -> Fate:
        """The same, for a job that may not be known here, too: nothing of it runs, so no kill need end it."""
        slot, strangers = self._slot, self._strangers
        payload = slot.payload
        if strangers and payload and payload.job_class not in self._jobs and payload.attempts is not None:
            slot.close()
            return strangers.judge(payload, slot.queue)
        return self.judge(error)

    def _judge(self, error: BaseException) -> Judgement:
        payload = self._slot.payload
        job = self._jobs.get(payload.job_class) if payload else None
        if payload is None or job is None or issubclass(type(error), DirtyExit | Undecipherable):
            return (
                None  # who kills a job does not want it tried again, and a key that lacks will lack then, too
            )
        if (attempts := payload.attempts) is None:
            return None
        try:
            return decide(job.policy, attempt=attempts + 1, error=error)
        except Exception:  # noqa: BLE001 - the application's code, what it gave for a delay, or a hostile error's attributes
            events.Worker.retry_failed(job=shown(payload.job_class))
            return None

    def told(self, error: BaseException) -> BaseException:
        """What is recorded of an error: that the job was stopped, if it was."""
        interrupted = self._slot.cancelled or issubclass(type(error), JobInterrupt)
        return stopped(self._slot) if interrupted else error
