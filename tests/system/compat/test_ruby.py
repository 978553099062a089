"""Beside Ruby on one Redis, both directions: we read what it writes, and it can read all that we write."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest

from resqd.app import App
from resqd.errors import PayloadError
from resqd.store.keys import Keys
from resqd.store.names import WorkerId
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque import payload as payloads
from resqd.store.resque.failure_record import build_record
from resqd.store.resque.registry import Registry, RunningJob
from resqd.worker.reports import PREVIEW, preview
from tests.system.compat import ruby

if TYPE_CHECKING:
    import redis

HOSTILE = [
    b"",
    b"nonsense",
    b"[]",
    b"\xff",
    b'{"class":"A","args":[NaN]}',
    b'{"class":"A","args":{"a":1}}',
    b'{"class":"\\ud800","args":["\\udc00"]}',
    b'{"class":"A","args":' + b"[" * 99 + b"]" * 99 + b"}",
    b'{"class":"A","args":[1e999]}',
    b'{"class":"A"}',
    b'{"class":"A","args":["' + b"x" * 200_000 + b'"]}',
]


@pytest.fixture
def app(redis_url: str) -> App:
    return App(redis_url)


@pytest.mark.parametrize("raw", ruby.PAYLOADS)
def test_rubys_payloads_are_read(raw: bytes, app: App, redis_client: redis.Redis) -> None:
    """A job that a Ruby producer pushed comes out as it went in, and runs."""
    redis_client.sadd("resque:queues", "file_serve")
    redis_client.rpush("resque:queue:file_serve", raw)
    expected = json.loads(raw)
    seen: list[object] = []
    app.job(name=expected["class"])(lambda *args: seen.append(list(args)))
    job = app.run_one()
    assert job is not None
    assert (job.raw, job.id, job.generation) == (raw, expected.get("id"), expected.get("generation", 1))
    assert seen == [expected["args"]]


def test_our_payloads_are_rubys(app: App, redis_client: redis.Redis) -> None:
    """The keys, their order and the id's form are the fork's; what Ruby does not know comes last."""
    app.enqueue_to("file_serve", "Files::Archive", 7, {"branch": "main"}, None, 1.5, "é")
    raw = cast("bytes", redis_client.lpop("resque:queue:file_serve"))
    theirs, ours = ruby.parse(ruby.FORK_PAYLOAD), ruby.parse(raw)
    assert list(ours) == [*theirs, "enqueued_at"]
    assert (ours["class"], ours["args"], len(ours["id"])) == (
        theirs["class"],
        theirs["args"],
        len(theirs["id"]),
    )
    prefix = ruby.FORK_PAYLOAD[: ruby.FORK_PAYLOAD.index(b'"id"')]
    assert raw.startswith(prefix)


@pytest.mark.parametrize("record", ruby.FAILURES)
def test_rubys_failures_are_requeued(record: bytes, app: App, redis_client: redis.Redis) -> None:
    """A failure that Ruby recorded goes back with its id and the next generation, its record readable by Ruby."""
    redis_client.rpush("resque:failed", record)
    before = app.failures.at(0)
    assert (before.exception, before.queue, before.job_class) == (
        ruby.parse(record)["exception"],
        "file_serve",
        "Archive",
    )
    app.failures.requeue(before)
    job = app.peek("file_serve")[0]
    assert (job.args, job.generation) == (before.args, before.generation + 1)
    assert job.id == before.id if before.id else len(job.id or "") == 32
    ruby.show_failure(app.failures.at(0).record)


@pytest.mark.parametrize("raw", ruby.PAYLOADS + HOSTILE, ids=range(len(ruby.PAYLOADS + HOSTILE)))
def test_no_failure_of_ours_breaks_their_page(raw: bytes) -> None:
    """Whatever the payload is, the record that we write can be shown, and its bytes can be had again."""
    try:
        payload = payloads.decode(raw)
    except PayloadError:
        payload = None
    record = build_record(
        raw=raw,
        payload=payload,
        exception=("E", "\ud800 no"),
        backtrace=["a:1:in `b\udc00'"],
        worker="web1:42:a~b:2:4:500",
        queue="mail",
        failed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert ruby.show_failure(record)[0] == "web1:42"


@pytest.mark.parametrize("queues", [["mail"], ["a:b", "c"], ["*"], [], ["name:4", "other:50%"]])
def test_our_ids_can_be_taken_apart(queues: list[str]) -> None:
    """Stock Resque and the fork both find queues in our id; a ':' comes back in the fork."""
    worker = WorkerId.build(
        host="web:1", pid=7, queues=queues, worker_count=2, thread_count=4, jobs_per_fork=0
    )
    assert ruby.stock_find(worker.text)
    assert ruby.fork_find(worker.text) == (queues or ["*"], 2, 4, 0)


def registry_of(redis_url: str, worker: WorkerId) -> Registry:
    link = Link(ConnectionConfig.from_url(redis_url))
    return Registry(link=link, keys=Keys(), life="h/resqd:e1", worker_id=worker.text)


@pytest.mark.parametrize("raw", ruby.PAYLOADS + HOSTILE[6:], ids=range(len(ruby.PAYLOADS + HOSTILE[6:])))
def test_no_thread_of_ours_breaks_their_page(raw: bytes, redis_url: str, redis_client: redis.Redis) -> None:
    """Every running job can be shown on the Working page, and the members lead to their entries as there."""
    worker = WorkerId.build(host="h", pid=7, queues=["a:b"], worker_count=1, thread_count=1, jobs_per_fork=1)
    registry = registry_of(redis_url, worker)
    registry.heartbeat()
    shown = preview(payloads.decode(raw), PREVIEW)
    registry.publish([RunningJob(8, 0, 1, "a:b", 1_700_000_000.0, shown)])
    members = cast("set[bytes]", redis_client.smembers(f"resque:worker:{worker}:threads"))
    for member in members:
        entry = cast("bytes", redis_client.get(b"resque:worker:" + member))
        assert ruby.show_thread(entry)[0] == "a:b"
        assert member.decode().rsplit(":", 2)[0] == worker.text


def test_a_kill_from_their_page_reaches_us(app: App, redis_url: str, redis_client: redis.Redis) -> None:
    """The fork's Kill appends the thread's number to the list named by worker and process."""
    worker = WorkerId.build(host="h", pid=7, queues=["q"], worker_count=1, thread_count=2, jobs_per_fork=1)
    registry = registry_of(redis_url, worker)
    registry.publish([RunningJob(8, 1, 1, "q", 1_700_000_000.0, b"{}")])
    redis_client.rpush(f"resque:worker:{worker}:8:kills", "1")
    assert registry.asked_to_kill() == [(8, 1)]
    assert app.workers.all() == []
