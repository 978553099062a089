"""Makes a failed job's record, on the job's own thread; the fetcher sends it with the acknowledgement."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from resqd.failures import FailureRules, backtrace_of
from resqd.store.inflight.owner import Failure
from resqd.store.resque.failure_record import build_record, describe
from resqd.store.resque.payload import Payload
from resqd.text import shown

_log = logging.getLogger(__name__)

_LOGGED = 500
"""The most characters of an error's text in the log; the record holds more."""


class Recorder:
    """Knows where failures go and in whose name they are written."""

    def __init__(self, *, rules: FailureRules, worker: str) -> None:
        self._rules = rules
        self._worker = worker

    def __call__(
        self, token: int, *, queue: str, raw: bytes, payload: Payload | None, error: BaseException
    ) -> Failure:
        """The record of a job that failed with `error`, and the lists that take it.

        An error that cannot be described, or for which there is no memory, is recorded by its type alone.
        """
        try:
            return self._failure(token, queue=queue, raw=raw, payload=payload, error=error)
        except BaseException:  # noqa: BLE001 - overridden attributes of `error` may raise anything; the job must be settled
            _log.exception("a failure cannot be recorded in full")
        place = self._rules.place(queue, payload)
        if place is None:
            return Failure(token, None)
        text = "(its text and backtrace could not be read)"
        record = self._record(raw, payload, (type(error).__name__, text), [], queue)
        return Failure(token, record, place.lists, place.member or "")

    def _failure(
        self, token: int, *, queue: str, raw: bytes, payload: Payload | None, error: BaseException
    ) -> Failure:
        name, text = describe(error)
        job = "a job that cannot be read"
        if payload:
            job = f"{shown(payload.job_class)} {shown(payload.id or '(no id)')}"
        _log.info("%s of queue %s failed: %s: %s", job, shown(queue), name, text[:_LOGGED])
        place = self._rules.place(queue, payload)
        if place is None:
            return Failure(token, None)
        record = self._record(raw, payload, (name, text), backtrace_of(error), queue)
        return Failure(token, record, place.lists, place.member or "")

    def _record(
        self,
        raw: bytes,
        payload: Payload | None,
        exception: tuple[str, str],
        backtrace: list[str],
        queue: str,
    ) -> bytes:
        return build_record(
            raw=raw,
            payload=payload,
            exception=exception,
            backtrace=backtrace,
            worker=self._worker,
            queue=queue,
            failed_at=datetime.now(UTC),
        )
