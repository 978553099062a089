"""Spans of what is enqueued and run, with the SDK's exporter in memory and no Redis."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import resqd
from resqd.application.parts import parts_of
from resqd.contrib import otel
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads
from resqd.testing import Fake


class Traced:
    """An App whose spans are kept, and whose jobs wait until they are drained."""

    def __init__(self, *, parent: bool = True) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("the application")
        self.app = resqd.App()
        otel.install(self.app, tracer_provider=provider, parent=parent)
        self.jobs = Fake(self.app)
        parts_of(self.app).producer.redirect(self.jobs)

    def spans(self, name: str = "") -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if name in {"", span.name}]

    def span(self, name: str) -> ReadableSpan:
        (found,) = self.spans(name)
        return found

    def job(self, code: Callable[..., object], **options: object) -> resqd.Job[..., object]:
        made: resqd.Job[..., object] = self.app.job(queue="mail", name="Send", **options)(code)  # type: ignore[call-overload] # as tests give them
        return made


def seen(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def ids(span: ReadableSpan) -> tuple[int, int]:
    where = span.get_span_context()
    assert where is not None
    return where.trace_id, where.span_id


def test_a_try_is_a_child_of_its_enqueueing_and_linked_to_it() -> None:
    """In the trace of whoever enqueued it; attributes by the semantic conventions for messaging."""
    traced = Traced()
    send = traced.job(lambda number: trace.get_current_span().set_attribute("seen", number))
    with traced.tracer.start_as_current_span("request"):
        job_id = send.enqueue(7)
    traced.jobs.drain()
    request, sent, run = traced.span("request"), traced.span("send mail"), traced.span("process mail")
    assert (sent.kind, run.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert sent.parent is not None
    assert run.parent is not None
    assert (sent.parent.trace_id, sent.parent.span_id) == ids(request)
    assert (run.parent.trace_id, run.parent.span_id) == ids(sent)
    assert [(link.context.trace_id, link.context.span_id) for link in run.links] == [ids(sent)]
    assert seen(sent) == {
        "messaging.system": "resqd",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "mail",
        "messaging.message.id": job_id,
        "resqd.job.class": "Send",
    }
    assert seen(run) == seen(sent) | {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "resqd.job.attempt": 1,
        "resqd.job.deliveries": 0,
        "seen": 7,
    }


def test_without_a_parent_a_try_begins_a_trace_of_its_own() -> None:
    """And is linked all the same."""
    traced = Traced(parent=False)
    traced.job(lambda: None).enqueue()
    traced.jobs.drain()
    sent, run = traced.span("send mail"), traced.span("process mail")
    assert run.parent is None
    assert ids(run)[0] != ids(sent)[0]
    assert [link.context.span_id for link in run.links] == [ids(sent)[1]]


def test_a_job_of_somebody_who_traces_nothing_has_a_trace_of_its_own() -> None:
    """With nothing to be linked to; what only looks like a context is none."""
    for item in ({"class": "Send", "args": []}, {"class": "Send", "args": [], "traceparent": 7}):
        traced = Traced()
        traced.job(lambda: None)
        traced.app.push("mail", item)
        traced.jobs.drain()
        run = traced.span("process mail")
        assert (run.parent, len(run.links)) == (None, 0)


def test_ruby_reads_the_context_where_its_own_instrumentation_writes_it() -> None:
    """At the top of the payload, behind the class, so that it stays a plain one."""
    traced = Traced()
    traced.job(lambda: None).enqueue()
    (waiting,) = traced.jobs.enqueued
    told = payloads.load(waiting.payload.raw)
    trace_id, span_id = ids(traced.span("send mail"))
    assert told["traceparent"].startswith(f"00-{trace_id:032x}-{span_id:016x}-")
    assert waiting.payload.raw.startswith(b'{"class":')
    assert waiting.payload.marks is None


def test_many_jobs_are_one_enqueueing() -> None:
    """Each try of them is linked to it."""
    traced = Traced()
    traced.job(lambda number: number).enqueue_many([(1,), (2,), (3,)])
    traced.jobs.drain()
    sent, runs = traced.span("send mail"), traced.spans("process mail")
    assert seen(sent)["messaging.batch.message_count"] == 3
    assert [run.links[0].context.span_id for run in runs] == [ids(sent)[1]] * 3


def _to_another(_app: resqd.App, job: resqd.Job[..., object]) -> None:
    job.enqueue_to("other", 1)
    job.using(queue="other").enqueue(1)
    job.using(queue="other").enqueue_many([(1,)])


def _otherwise(_app: resqd.App, job: resqd.Job[..., object]) -> None:
    job.enqueue_in(5, 1)
    job.using(front=True).enqueue(1)
    job.s(1).enqueue()


def _by_name(app: resqd.App, _job: resqd.Job[..., object]) -> None:
    app.enqueue_to("other", "Unknown", 1)
    app.enqueue("Send", 1)


@pytest.mark.parametrize("enqueue", [_to_another, _otherwise, _by_name])
def test_every_way_of_enqueueing_is_traced(
    enqueue: Callable[[resqd.App, resqd.Job[..., object]], object],
) -> None:
    """To other queues, later, in front, by a name that is not known here."""
    traced = Traced()
    enqueue(traced.app, traced.job(lambda number: number))
    sent = traced.spans()
    waiting = [*traced.jobs.enqueued, *traced.jobs.later]
    assert sorted(span.name for span in sent) == sorted(f"send {job.queue}" for job in waiting)
    carried = [payloads.load(job.payload.raw)["traceparent"].split("-")[2] for job in waiting]
    assert sorted(carried) == sorted(f"{ids(span)[1]:016x}" for span in sent)


def test_a_unique_job_that_is_there_already_is_still_a_span() -> None:
    """It was tried to be enqueued; one that a hook vetoed was not."""
    traced = Traced()
    once = traced.job(lambda: None, unique=resqd.Unique())
    assert once.enqueue() is not None
    assert once.enqueue() is None
    assert len(traced.spans("send mail")) == 2
    other = Traced()
    vetoed = other.job(lambda: None)
    vetoed.before_enqueue(lambda: False)
    assert vetoed.enqueue() is None
    assert other.spans() == []


def test_an_error_is_the_tries_and_each_try_is_a_span() -> None:
    """With the error's name and event; a retry is linked to the same enqueueing, and its number tells it apart."""
    traced = Traced()
    fails: list[BaseException] = [ValueError("no such card"), KeyError("x")]

    def charge() -> None:
        if fails:
            raise fails.pop(0)

    traced.job(charge, retry=3).enqueue()
    traced.jobs.drain()
    while traced.jobs.later:
        traced.jobs.advance(10_000)
        traced.jobs.drain()
    sent, runs = traced.span("send mail"), traced.spans("process mail")
    assert [seen(run)["resqd.job.attempt"] for run in runs] == [1, 2, 3]
    assert [run.links[0].context.span_id for run in runs] == [ids(sent)[1]] * 3
    assert [run.status.status_code for run in runs] == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]
    assert [seen(run).get("error.type") for run in runs] == ["ValueError", "KeyError", None]
    assert runs[0].status.description == "ValueError: no such card"
    assert [event.name for event in runs[0].events] == ["exception"]


@pytest.mark.parametrize("error", [resqd.Discard("not wanted"), resqd.Snooze(60), resqd.DontPerform()])
def test_what_a_job_wishes_is_no_error(error: Exception) -> None:
    """It has an outcome."""
    traced = Traced()

    def wish() -> None:
        raise error

    send = traced.job(wish)
    if isinstance(error, resqd.DontPerform):
        send.before_perform(wish)
    send.enqueue()
    traced.jobs.drain()
    run = traced.span("process mail")
    assert run.status.status_code is StatusCode.UNSET
    outcome = None if isinstance(error, resqd.DontPerform) else type(error).__name__.lower()
    assert seen(run).get("resqd.job.outcome") == outcome


def test_hooks_and_what_a_job_enqueues_are_in_its_span() -> None:
    """Hooks that are added after the tracing as well; an async job has its span in its task."""
    traced = Traced()
    names: list[str] = []

    async def outer() -> None:
        names.append(getattr(trace.get_current_span(), "name", ""))
        traced.app.enqueue_to("other", "Unknown")

    send = traced.job(outer)
    send.before_perform(lambda: names.append(getattr(trace.get_current_span(), "name", "")))
    send.enqueue()
    with pytest.raises(resqd.UnknownJob):
        traced.jobs.drain()
    run, inner = traced.span("process mail"), traced.span("send other")
    assert names == ["process mail", "process mail"]
    assert inner.parent is not None
    assert inner.parent.span_id == ids(run)[1]


def test_a_batch_is_a_span_with_its_jobs_and_its_callbacks_below() -> None:
    """What its block enqueues, and the callback that comes when all have ended."""
    traced = Traced()
    send = traced.job(lambda number: number)
    batch = traced.app.batch(on_done=send.s(9), description="the letters")
    with batch:
        send.enqueue(1)
        send.enqueue_many([(2,), (3,)])
    span, created = traced.span("batch"), traced.span("create mail")
    assert seen(span) == {
        "messaging.system": "resqd",
        "resqd.batch.id": batch.id,
        "resqd.batch.kind": "batch",
        "resqd.batch.description": "the letters",
    }
    below: Sequence[ReadableSpan] = [created, *traced.spans("send mail")]
    assert [one.parent.span_id for one in below if one.parent is not None] == [ids(span)[1]] * 3
    traced.jobs.drain()
    assert [seen(run)["resqd.batch.id"] for run in traced.spans("process mail")] == [batch.id] * 3


def test_a_batch_that_fails_says_so() -> None:
    """Whether its block raises, or what comes after."""
    traced = Traced()
    with pytest.raises(ValueError, match="no"), traced.app.batch():
        raise ValueError("no")
    assert traced.span("batch").status.status_code is StatusCode.ERROR
    other = Traced()
    send = other.job(lambda: None)
    with pytest.raises(resqd.BatchError), other.app.workflow() as flow:
        flow.add(send.s())
    assert seen(other.span("workflow"))["error.type"] == "BatchError"


def test_a_payload_stays_a_payload() -> None:
    """With further members at its end, or none."""
    raw = encoding.encode("Send", ["}"], id="a")
    assert json.loads(otel.with_carried(raw, b',"traceparent":"x"')) == {
        **json.loads(raw),
        "traceparent": "x",
    }
    assert otel.with_carried(raw, b"") == raw
