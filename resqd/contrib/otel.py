"""Traces by OpenTelemetry: a span where a job is enqueued, and one for each try, linked to it.

Needs `opentelemetry-api` alone (the extra `otel`). Where the spans go, the application says by its SDK.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context, propagate, trace
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from resqd import __version__
from resqd.application.parts import parts_of
from resqd.current import current_job
from resqd.errors import DontPerform
from resqd.retry import Discard, Snooze
from resqd.store.debts import member_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider
    from opentelemetry.util.types import AttributeValue

    from resqd.app import App
    from resqd.current import CurrentJob

SYSTEM: Final = "resqd"
_FLUSH_MS: Final = 5_000
_NO_FAILURE: Final = (Discard, DontPerform, Snooze)
"""How a job ends, or goes on, by its own wish."""


def install(app: App, *, tracer_provider: TracerProvider | None = None, parent: bool = True) -> None:
    """Trace the jobs of an application, those that are registered later as well.

    A try's span is a child of the span that enqueued the job, and linked to it. With `parent=False` it is linked only,
    and begins a trace of its own, as fits jobs that run days later. By default the global provider is asked.
    """
    provider = tracer_provider or trace.get_tracer_provider()
    tracer = Spans(trace.get_tracer("resqd", __version__, provider), parent=parent)
    parts = parts_of(app)
    parts.producer.tracer = tracer
    parts.catalog.trace(tracer)
    app.hooks.worker_exit(partial(_flush, provider))


def _flush(provider: TracerProvider) -> None:
    """What a processor of the SDK has gathered would go with its process."""
    flush: Callable[[int], object] | None = getattr(provider, "force_flush", None)
    if flush is not None:
        flush(_FLUSH_MS)


class Spans:
    """Makes the spans. Names and attributes are those of the semantic conventions for messaging."""

    def __init__(self, tracer: trace.Tracer, *, parent: bool) -> None:
        self._tracer = tracer
        self._parent = parent

    @contextmanager
    def sending(
        self, job_class: str, queue: str, jobs: Sequence[tuple[str, bytes]]
    ) -> Iterator[list[tuple[str, bytes]]]:
        """Around putting jobs on a queue: one span, whose context travels in each of them."""
        about = _about("send", job_class, queue)
        if len(jobs) == 1:
            about["messaging.message.id"] = jobs[0][0]
        else:
            about["messaging.batch.message_count"] = len(jobs)
        with self._tracer.start_as_current_span(f"send {queue}", kind=SpanKind.PRODUCER, attributes=about):
            carried = _carried()
            yield [(job_id, with_carried(raw, carried)) for job_id, raw in jobs]

    def creating(self, job_class: str, queue: str, job_id: str, raw: bytes) -> bytes:
        """The payload of a job that goes to its queue when others have ended."""
        about = {**_about("create", job_class, queue), "messaging.message.id": job_id}
        with self._tracer.start_as_current_span(f"create {queue}", kind=SpanKind.PRODUCER, attributes=about):
            return with_carried(raw, _carried())

    def gathering(self, kind: str, batch_id: str, description: str) -> BatchSpan:
        """The span of a batch's block."""
        about = {"messaging.system": SYSTEM, "resqd.batch.id": batch_id, "resqd.batch.kind": kind}
        if description:
            about["resqd.batch.description"] = description
        return BatchSpan(self._tracer.start_span(kind, attributes=about))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around one try of the job that runs in this thread, or task."""
        job = current_job()
        if job is None:
            yield
            return
        sent = propagate.extract(_strings(job.payload), context=context.Context())
        where = trace.get_current_span(sent).get_span_context()
        with self._tracer.start_as_current_span(
            f"process {job.queue}",
            context=self._context_of(sent),
            kind=SpanKind.CONSUMER,
            links=[Link(where)] if where.is_valid else [],
            attributes=_about_run(job),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                _tell(span, error)
                raise

    def _context_of(self, sent: Context) -> Context:
        """The producer's, or with its baggage alone, for a trace of its own."""
        return sent if self._parent else trace.set_span_in_context(trace.INVALID_SPAN, sent)


class BatchSpan:
    """The span of a batch, from its making to the end of its block."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token: Any = None

    @contextmanager
    def creating(self) -> Iterator[None]:
        """Around the making of its callbacks."""
        with trace.use_span(self._span):
            yield

    def __enter__(self) -> None:
        self._token = context.attach(trace.set_span_in_context(self._span))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None, /
    ) -> None:
        context.detach(self._token)
        if error is not None:
            _tell(self._span, error)
        self._span.end()


def _about(operation: str, job_class: str, queue: str) -> dict[str, AttributeValue]:
    return {
        "messaging.system": SYSTEM,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": queue,
        "resqd.job.class": job_class,
    }


def _about_run(job: CurrentJob) -> dict[str, AttributeValue]:
    about = {
        **_about("process", job.job_class, job.queue),
        "resqd.job.attempt": job.attempt,
        "resqd.job.deliveries": job.deliveries,
    }
    if job.id is not None:
        about["messaging.message.id"] = job.id
    if (member := member_of(job.owes)) is not None:
        about["resqd.batch.id"] = member[1][0]
    return about


def _tell(span: Span, error: BaseException) -> None:
    if isinstance(error, _NO_FAILURE):
        span.set_attribute("resqd.job.outcome", type(error).__name__.lower())
        return
    span.record_exception(error)
    span.set_attribute("error.type", type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))


def _carried() -> bytes:
    """The current context as members of a JSON object, with a comma before them; empty where there is none to carry."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    members = json.dumps(carrier, separators=(",", ":"))[1:-1]
    return f",{members}".encode() if members else b""


def with_carried(raw: bytes, members: bytes) -> bytes:
    """A payload with further members at its end, where Ruby's instrumentation of Resque has them too."""
    return raw[:-1] + members + b"}" if members else raw


def _strings(payload: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in payload.items() if isinstance(value, str)}
