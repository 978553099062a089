"""What Redis is to be told of a job that did not simply succeed: its record, its next try, or that it is done with."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

from resqd import events
from resqd.errors import JobTimeout
from resqd.failures import OURS, FailureRules, backtrace_of
from resqd.retry import Again, Dropped, Elsewhere
from resqd.store.inflight.owner import Dismiss, Failure, Postpone
from resqd.store.resque.failure_record import build_record, describe
from resqd.store.resque.outcome import with_error
from resqd.store.resque.payload import Payload
from resqd.store.resque.tries import attempt_entry, postpone, tried
from resqd.text import shown

LOGGED: Final = 500
"""The most characters of an error's text in the log; the record holds more."""
Judgement = Again | Dropped | None
Fate = Judgement | Elsewhere


class _Case(NamedTuple):
    """A job that ended with an error."""

    token: int
    queue: str
    raw: bytes
    payload: Payload | None
    error: BaseException


class Recorder:
    """Knows where failures go and in whose name they are written."""

    def __init__(self, *, rules: FailureRules, worker: str) -> None:
        self._rules = rules
        self._worker = worker

    def __call__(
        self,
        token: int,
        *,
        queue: str,
        raw: bytes,
        payload: Payload | None,
        error: BaseException,
        judgement: Fate = None,
        since: float = 0.0,
    ) -> Failure | Postpone | Dismiss:
        """What is to be told of a job that ended with `error`, by what was judged of it; it began at `since`.

        An error that cannot be described, or for which there is no memory, is recorded by its type alone.
        """
        case = _Case(token, queue, raw, payload, error)
        try:
            if payload is not None and isinstance(judgement, Again):
                return self._postponed(case, payload, judgement, since)
            if payload is not None and isinstance(judgement, Elsewhere):
                delay = judgement.delay
                events.Worker.job_passed_on(job=named(payload), queue=shown(queue), delay=delay)
                return postpone(token, payload, delay=delay, kind="elsewhere")
            if payload is not None and isinstance(judgement, Dropped):
                reason = shown(judgement.reason)
                events.Worker.job_discarded(job=named(payload), queue=shown(queue), reason=reason)
                return Dismiss(token, "discarded", tried(payload), self._rules.owed(raw, payload))
            return self._failure(case)
        except BaseException:  # noqa: BLE001 - overridden attributes of `error` may raise anything; the job must be settled
            events.Worker.record_incomplete()
        text = "(its text and backtrace could not be read)"
        return self._record(case, (type(error).__name__, text), lambda: [])

    def _failure(self, case: _Case) -> Failure:
        name, text = describe(case.error)
        job = named(case.payload) if case.payload else "a job that cannot be read"
        events.Worker.job_failed(
            job=job, queue=shown(case.queue), error=name, text=text[:LOGGED], exc=_for_users(case.error)
        )
        return self._record(case, (name, text), lambda: backtrace_of(case.error))

    def _record(self, case: _Case, exception: tuple[str, str], backtrace: Callable[[], list[str]]) -> Failure:
        place = self._rules.place(case.queue, case.payload)
        known, late = tried(case.payload) if case.payload else "", _is_late(case.error)
        debts = with_error(self._rules.owed(case.raw, case.payload), exception)
        if place is None:
            return Failure(case.token, None, tried=known, late=late, debts=debts)
        record = build_record(
            raw=case.raw,
            payload=case.payload,
            exception=exception,
            backtrace=backtrace(),
            worker=self._worker,
            queue=case.queue,
            failed_at=datetime.now(UTC),
        )
        return Failure(case.token, record, place.lists, place.member or "", known, late, debts)

    def _postponed(self, case: _Case, payload: Payload, again: Again, since: float) -> Postpone:
        job, queue, delay = named(payload), shown(case.queue), again.delay
        if not again.counted:
            events.Worker.job_snoozed(job=job, queue=queue, delay=delay)
            return postpone(case.token, payload, delay=delay, kind="snooze")
        name, text = describe(case.error)
        attempt = (payload.attempts or 0) + 1
        events.Worker.job_retried(
            job=job, queue=queue, attempt=attempt, delay=delay, error=name, text=text[:LOGGED]
        )
        wall = time.time()
        entry = attempt_entry(
            (name, text),
            backtrace_of(case.error),
            worker=self._worker,
            began=wall - (time.monotonic() - since),
            ended=wall,
        )
        late = _is_late(case.error)
        return postpone(case.token, payload, delay=delay, kind="timeout" if late else "retry", attempt=entry)


class Report(Protocol):
    """Makes what Redis is to be told of a job."""

    def __call__(
        self,
        token: int,
        *,
        queue: str,
        raw: bytes,
        payload: Payload | None,
        error: BaseException,
        judgement: Fate = None,
        since: float = 0.0,
    ) -> Failure | Postpone | Dismiss:
        """The record with the lists that it goes to, or the next try, or the end."""


def _is_late(error: BaseException) -> bool:
    return issubclass(type(error), JobTimeout)  # isinstance would ask a hostile error's own __class__ too


def named(payload: Payload) -> str:
    """A job as log lines name it."""
    return f"{shown(payload.job_class)} {shown(payload.id or '(no id)')}"


def _for_users(error: BaseException) -> BaseException | None:
    """The error with a traceback that begins at the application's own code, as records have it.

    None where it has none of that, as of a payload that cannot be read: resqd's own lines would tell nobody anything.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(OURS):
        trace = trace.tb_next
    return None if trace is None else error.with_traceback(trace)
