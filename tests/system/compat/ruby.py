"""What the Ruby programs write, byte for byte, and what their pages and workers take apart when they read."""

from __future__ import annotations

import json
import re
from typing import Any

STOCK_PAYLOAD = b'{"class":"Archive","args":[7,"main"]}'
FORK_PAYLOAD = (
    b'{"class":"Files::Archive","args":[7,{"branch":"main"},null,1.5,"\xc3\xa9"],'
    b'"id":"9f8b0ac1d3e24b5f8a7c6d5e4f3a2b1c","generation":2}'
)
ACTIVE_JOB_PAYLOAD = (
    b'{"class":"ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper","args":[{"job_class":"SendJob",'
    b'"job_id":"c5b1e5a4-3f0e-4d0a-8a3c-0d6f5a1c7e55","queue_name":"mail","arguments":[42]}]}'
)
PAYLOADS = [STOCK_PAYLOAD, FORK_PAYLOAD, ACTIVE_JOB_PAYLOAD]

STOCK_FAILURE = (
    b'{"failed_at":"2026-03-02T10:11:12.345+01:00","payload":{"class":"Archive","args":[7,"main"]},'
    b'"exception":"RuntimeError","error":"disk full","backtrace":["/app/archive.rb:12:in `perform\'"],'
    b'"worker":"ruby1:4711:mail","queue":"file_serve"}'
)
FORK_FAILURE = (
    b'{"failed_at":"2026/03/02 10:11:12 UTC","payload":{"class":"Archive","args":[7],'
    b'"id":"9f8b0ac1d3e24b5f8a7c6d5e4f3a2b1c","generation":2},"exception":"Resque::DirtyExit",'
    b'"error":"Job was killed","backtrace":[],"worker":"ruby2:4712:a~b,mail:2:4:50","queue":"file_serve",'
    b'"retried_at":"2026/03/02 10:12:00"}'
)
FAILURES = [STOCK_FAILURE, FORK_FAILURE]

_DEPTH = 100  # beyond it Ruby's JSON raises


def parse(raw: bytes) -> Any:
    """A text as Ruby's JSON reads it: UTF-8, no NaN, at most 100 levels."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    value = json.loads(raw.decode("utf-8"), parse_constant=refuse)
    assert _levels(value) <= _DEPTH
    return value


def show_failure(raw: bytes) -> tuple[str, str, str]:
    """What the Failed page does with a record; any error here would be the page's."""
    record = parse(raw)
    host = ":".join(record["worker"].split(":")[:2])
    _date(record["failed_at"])
    if "retried_at" in record:
        _date(record["retried_at"])
    assert isinstance(record["payload"].get("args", []), list)
    "\n".join(record["backtrace"]).encode()
    for text in (record["exception"], record["error"], record["payload"]["class"], record["queue"]):
        text.encode()
    return host, record["payload"]["class"], record["error"]


def show_thread(raw: bytes) -> tuple[str, str]:
    """What the Working page does with a thread's entry."""
    job = parse(raw)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", job["run_at"])
    job["payload"]["class"].encode()
    return job["queue"], job["payload"]["class"]


def stock_find(worker_id: str) -> list[str]:
    """How stock Resque takes a member of `workers` apart; its queues must not be empty."""
    _, pid, queues = worker_id.split(":")[:3]
    assert int(pid)
    found = [queue for queue in queues.split(",") if queue]
    assert found
    return found


def fork_find(worker_id: str) -> tuple[list[str], int, int, int]:
    """How the fork takes it apart: exactly six parts."""
    _, _, queues, workers, threads, jobs = worker_id.split(":")
    return queues.replace("~", ":").split(","), int(workers), int(threads), int(jobs)


def _date(text: str) -> None:
    assert re.match(r"\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d", text), text


def _levels(value: Any) -> int:
    level, levels = [value], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        levels += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return levels
