"""Traces through a real worker: what its spans were, read from the SDK's exporter in its memory."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from resqd import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import asyncio, pathlib
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import resqd
from resqd.contrib import otel

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
app = resqd.App()


@app.job(queue="mail", name="Send")
def send(number):
    return number


otel.install(app, tracer_provider=provider)


@app.job(queue="mail", name="Flaky", retry=resqd.Retry(3, first=0.05))
def flaky():
    if resqd.current_job().attempt < 3:
        raise ValueError("not yet")


@app.job(queue="mail", name="Later")
async def later():
    await asyncio.sleep(0)
    with provider.get_tracer("app").start_as_current_span("inside"):
        send.enqueue(2)


@app.job(queue="mail", name="Bare", timeout=60)
def bare():
    pass


@app.job(queue="mail", name="Done")
def done():
    pass


@app.job(queue="dump", name="Dump")
def dump(path):
    spans = "[" + ",".join(span.to_json() for span in exporter.get_finished_spans()) + "]"
    pathlib.Path(path + ".new").write_text(spans)
    pathlib.Path(path + ".new").rename(path)
"""

_FLUSHED = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
import resqd
from resqd.contrib import otel


class ToFile(SpanExporter):
    def export(self, spans):
        with open("spans.txt", "a") as file:
            print(*[span.name for span in spans], file=file)
        return SpanExportResult.SUCCESS


provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ToFile(), schedule_delay_millis=600_000))
app = resqd.App()
otel.install(app, tracer_provider=provider)


@app.job(queue="mail", name="Send")
def send():
    pass
"""


def _runs(dumped: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The tries by their jobs' classes."""
    found: dict[str, list[dict[str, Any]]] = {}
    for span in dumped:
        if span["kind"] == "SpanKind.CONSUMER":
            found.setdefault(span["attributes"]["resqd.job.class"], []).append(span)
    return found


def test_a_worker_traces_every_kind_of_job(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One registered before the tracing, one that is retried, an async one and what it enqueues, a batch's callback.

    Each try is in the trace of its enqueueing, and linked to it.
    """
    (tmp_path / "traced_jobs.py").write_text(_JOBS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("REDIS_URL", redis_url)
    jobs = importlib.import_module("traced_jobs")
    monkeypatch.delitem(sys.modules, "traced_jobs")
    with jobs.app.batch(on_success=jobs.done.s()):
        jobs.send.enqueue(1)
        jobs.flaky.enqueue()
    jobs.later.enqueue()
    jobs.bare.enqueue()
    path = tmp_path / "spans.json"

    def dumped() -> dict[str, list[dict[str, Any]]] | None:
        if path.exists() and {"Done", "Later", "Bare"} <= set(found := _runs(json.loads(path.read_text()))):
            return found if len(found["Send"]) == 2 else None
        jobs.dump.enqueue(str(path))
        return None

    environ = {"REDIS_URL": redis_url, "PYTHONPATH": str(tmp_path), "JOBS_PER_FORK": "0"}
    with Daemon("--app", "traced_jobs:app", folder=tmp_path, environ=environ, cwd=tmp_path) as daemon:
        runs = wait_for(dumped, 30, what="all spans", every=0.2)
        daemon.stop()
    jobs.app.store.close()

    here = {span.context.span_id: span for span in jobs.exporter.get_finished_spans()}
    assert [run["attributes"]["resqd.job.attempt"] for run in runs["Flaky"]] == [1, 2, 3]
    assert [run["status"]["status_code"] for run in runs["Flaky"]] == ["ERROR", "ERROR", "UNSET"]
    (inside,) = (
        span for span in json.loads(path.read_text()) if span["name"] == "send mail"
    )  # by the async job
    for name in ("Send", "Flaky", "Later", "Bare", "Done"):
        for run in runs[name]:
            (link,) = run["links"]
            assert run["parent_id"] == link["context"]["span_id"]
            if run["parent_id"] != inside["context"]["span_id"]:
                sent = here[int(run["parent_id"], 16)]
                assert sent.attributes["resqd.job.class"] == name
                assert int(run["context"]["trace_id"], 16) == sent.context.trace_id
    (later,) = runs["Later"]
    assert inside["context"]["trace_id"] == later["context"]["trace_id"]
    batch = {run["context"]["trace_id"] for name in ("Flaky", "Done") for run in runs[name]}
    assert len(batch) == 1


def test_a_worker_flushes_its_spans_before_it_goes(redis_url: str, tmp_path: Path) -> None:
    """What a batching processor of the SDK has gathered would else go with the fork, which runs one job."""
    (tmp_path / "flushed_jobs.py").write_text(_FLUSHED)
    producer = App(redis_url)
    producer.push("mail", {"class": "Send", "args": []})
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": str(tmp_path)}
    spans = tmp_path / "spans.txt"
    with Daemon("--app", "flushed_jobs:app", folder=tmp_path, environ=environ, cwd=tmp_path) as daemon:
        wait_for(spans.exists, 20, what="the first worker's spans")
        daemon.stop()
    assert spans.read_text() == "process mail\n"
    producer.store.close()
