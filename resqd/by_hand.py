"""Runs single jobs in the calling thread, without a daemon: for tests and scripts."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from resqd.application.catalog import unknown_job
from resqd.current import Here, bind_thread, bound_slot
from resqd.failures import backtrace_of
from resqd.hooks import fails, run_within
from resqd.retry import Again, Dropped, decide
from resqd.store.inflight.tokens import uncounted, with_cursor
from resqd.store.names import WorkerId
from resqd.store.resque import payload as payloads
from resqd.store.resque.backends import backend_of
from resqd.store.resque.failure_record import build_record
from resqd.store.resque.outcome import with_error, with_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from resqd.failures import FailurePolicy
    from resqd.hooks import Hook, Judge
    from resqd.job import Job
    from resqd.store.resque.payload import Payload
    from resqd.store.resque.store import Store


def run_here(
    job: Job[..., Any],
    payload: Payload,
    queue: str,
    judge: Judge = fails,
    keep: Callable[[Any], None] | None = None,
) -> bool:
    """Run one job now, hooks and `current_job()` included; False where a hook ended it quietly."""
    payload = job.opened(payload)
    with _here(payload, queue):
        return job.run(payload.args, judge, keep)


class NextTry(NamedTuple):
    """A job that is to run again in `delay` seconds, as this payload; `counted`: since its try failed."""

    delay: float
    counted: bool
    raw: bytes


def try_here(job: Job[..., Any], payload: Payload, queue: str) -> NextTry | None:
    """Run one try of a job, by whose policy it may be tried again; None where it has ended, or was discarded.

    Raises what the job raises at its last try. What Python itself raises to end a program is never tried again.
    """
    payload, fates = job.opened(payload), list[Again | Dropped | None]()

    def judge(error: BaseException) -> Again | Dropped | None:
        if not fates:  # hooks and we ask: the delay may be drawn
            again = isinstance(error, Exception) and payload.attempts is not None
            fates.append(
                decide(job.policy, attempt=(payload.attempts or 0) + 1, error=error) if again else None
            )
        return fates[0]

    with _here(payload, queue) as here:
        try:
            job.run(payload.args, judge)
        except BaseException as error:
            fate = judge(error)
            if fate is None:
                raise
            kept = here.journal.kept or (payload.marks.cursor if payload.marks else b"")
            return _next_try(payload, fate, kept) if isinstance(fate, Again) else None
    return None


def _next_try(payload: Payload, again: Again, cursor: bytes) -> NextTry:
    """The job that is to run again, its try counted where it counts, with how far it has come."""
    head, brace, rest = uncounted(payload.raw).partition(b"{")
    attempts = (payload.attempts or 0) + again.counted
    raw = head + brace + (b'"attempts":%d,' % attempts if attempts else b"") + rest
    return NextTry(again.delay, again.counted, with_cursor(raw, cursor) if cursor else raw)


@contextmanager
def _here(payload: Payload | None, queue: str) -> Iterator[Here]:
    """Within the block it is this job that runs in this thread."""
    outer = bound_slot()
    here = Here(payload, queue)
    bind_thread(here)
    try:
        yield here
    finally:
        here.payload = None
        bind_thread(outer)


def run_next(
    store: Store,
    queues: Iterable[str],
    *,
    jobs: Mapping[str, Job[..., Any]],
    policy: FailurePolicy,
    around: Sequence[Hook],
) -> Payload | None:
    """Take the oldest payload of the first queue that has one, and run it; None where all are empty.

    A failure is recorded where the policy says (default: in `failed`) before its error is raised, unless the
    policy or the job wants no records.
    """
    for queue in queues:
        raw = store.books.queues.pop(queue)
        if raw is not None:
            return _run_popped(store, queue, raw, jobs=jobs, policy=policy, around=around)
    return None


def _run_popped(
    store: Store,
    queue: str,
    raw: bytes,
    *,
    jobs: Mapping[str, Job[..., Any]],
    policy: FailurePolicy,
    around: Sequence[Hook],
) -> Payload:
    """Run a payload, and tell its end to all who wait for that."""
    returned: list[Any] = []
    store.settle("begun", raw)
    try:
        ran = _run_raw(store, queue, raw, jobs=jobs, policy=policy, around=around, keep=returned.append)
    except BaseException as error:
        said = type(error).__name__, str(error)
        store.settle("failed", raw, lambda debts: with_error(debts, said))
        raise
    store.settle("done", raw, lambda debts: with_value(debts, returned[0] if returned else None))
    return ran


def _run_raw(
    store: Store,
    queue: str,
    raw: bytes,
    *,
    jobs: Mapping[str, Job[..., Any]],
    policy: FailurePolicy,
    around: Sequence[Hook],
    keep: Callable[[Any], None],
) -> Payload:
    payload = job = None
    try:
        payload = payloads.decode(raw)
        job = jobs.get(payload.job_class)
        if job is None:
            raise unknown_job(payload.job_class, jobs)  # noqa: TRY301 - one way out
        run_here(job, payload, queue, keep=keep)
    except BaseException as error:
        record = build_record(
            raw=raw,
            payload=payload,
            exception=error,
            backtrace=backtrace_of(error),
            worker=_worker(queue),
            queue=queue,
            failed_at=datetime.now(UTC),
        )
        skips = policy.skip_failed_queue or (job is not None and job.options.skip_failed_queue)

        def conclude() -> None:
            if not skips:
                store.books.record_failure(record, queue, backend_of(policy.backends or ("redis",)))
            policy.notify(payloads.load(record))

        with _here(payload, queue):
            run_within(around, conclude)
        raise
    return payload


def _worker(queue: str) -> str:
    worker = WorkerId.build(
        host=socket.gethostname(),
        pid=os.getpid(),
        queues=[queue],
        worker_count=1,
        thread_count=1,
        jobs_per_fork=1,
    )
    return worker.text
