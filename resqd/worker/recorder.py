"""Makes a failed job's record, on the job's own thread; the fetcher sends it with the acknowledgement."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from pathlib import Path

import resqd
from resqd.job import Job
from resqd.store.backends import FailureBackend
from resqd.store.failures import build_record
from resqd.store.inflight import Failure
from resqd.store.keys import Keys
from resqd.store.payload import Payload

_OWN_FOLDER = str(Path(resqd.__file__).parent)


class Recorder:
    """Knows where failures go and in whose name they are written."""

    def __init__(
        self, *, backend: FailureBackend, keys: Keys, worker: str, jobs: dict[str, Job[..., object]]
    ) -> None:
        self._backend = backend
        self._keys = keys
        self._worker = worker
        self._jobs = jobs

    def __call__(
        self, token: int, *, queue: str, raw: bytes, payload: Payload | None, error: BaseException
    ) -> Failure:
        """The record of a job that failed with `error`, and the lists that take it."""
        job = self._jobs.get(payload.job_class) if payload else None
        if job is not None and job.options.skip_failed_queue:
            return Failure(token, None)
        place = self._backend.place(queue, self._keys)
        record = build_record(
            raw=raw,
            payload=payload,
            exception=error,
            backtrace=backtrace(error),
            worker=self._worker,
            queue=queue,
            failed_at=datetime.now(UTC),
        )
        return Failure(token, record, place.lists, place.member or "")


def backtrace(error: BaseException) -> list[str]:
    """The error's frames as Ruby writes them, `FILE:LINE:in NAME`, innermost first, without resqd's own."""
    frames = traceback.extract_tb(error.__traceback__)
    return [
        f"{frame.filename}:{frame.lineno}:in `{frame.name}'"
        for frame in reversed(frames)
        if not frame.filename.startswith(_OWN_FOLDER)
    ]
