"""Makes a failed job's record, on the job's own thread; the fetcher sends it with the acknowledgement."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from resqd.backtrace import backtrace_of
from resqd.failing import FailureRules
from resqd.store.failures import build_record, describe
from resqd.store.inflight import Failure
from resqd.store.payload import Payload
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
        """The record of a job that failed with `error`, and the lists that take it."""
        name, text = describe(error)
        job = "a job that cannot be read"
        if payload:
            job = f"{shown(payload.job_class)} {shown(payload.id or '(no id)')}"
        _log.info("%s of queue %s failed: %s: %s", job, shown(queue), name, text[:_LOGGED])
        place = self._rules.place(queue, payload)
        if place is None:
            return Failure(token, None)
        record = build_record(
            raw=raw,
            payload=payload,
            exception=(name, text),
            backtrace=backtrace_of(error),
            worker=self._worker,
            queue=queue,
            failed_at=datetime.now(UTC),
        )
        return Failure(token, record, place.lists, place.member or "")
