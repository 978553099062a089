"""Failure records: Resque's format, the payload's bytes kept, and nothing that Ruby's pages could not show."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from resqd.errors import DirtyExit, PayloadError
from resqd.store.resque import payload as payloads
from resqd.store.resque.failed_job import FailedJob, put, spans
from resqd.store.resque.failure_record import PREVIEW, RAW_KEY, WHOLE_PAYLOAD, build_record, describe

WHEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def record_of(raw: bytes, **changes: Any) -> bytes:
    try:
        payload = payloads.decode(raw)
    except PayloadError:
        payload = None
    given: dict[str, Any] = {
        "exception": ValueError("no"),
        "backtrace": ["app.py:1:in perform"],
        "worker": "host:1:mail:1:1:1",
        "queue": "mail",
        "failed_at": WHEN,
    }
    return build_record(raw=raw, payload=payload, **(given | changes))


def read(record: bytes) -> FailedJob:
    return FailedJob.read(record, list_name="failed", index=0)


def strict(record: bytes) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(record, parse_constant=refuse)


def test_the_record_is_resques() -> None:
    """Keys, order and the form of the time are those of the Ruby fork."""
    raw = b'{"class":"Send", "args":[1]}'
    assert record_of(raw) == (
        b'{"failed_at":"2026/03/04 05:06:07 UTC","payload":{"class":"Send", "args":[1]},"exception":"ValueError",'
        b'"error":"no","backtrace":["app.py:1:in perform"],"worker":"host:1:mail:1:1:1","queue":"mail"}'
    )


UNREADABLE = [
    b"",
    b"nonsense",
    b"[1]",
    b'"text"',
    b'{"class":"A","args":[NaN]}',
    b"\xff\xfe",
    b'{"args":[]}',
    b'{"class":"A","args":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"class":"A","args":[' + b"9" * 5_000 + b"]}",
]


UNFIT = [
    b'{"class":"A","args":' + b"[" * 98 + b"]" * 98 + b"}",
    b'{"class":"A","args":[{"x":[1e999]}]}',
    b'{"class":"A","args":[' + b"9" * 400 + b".5]}",
    b'{"class":"\\ud800","args":[]}',
]


@pytest.mark.parametrize("raw", UNREADABLE + UNFIT, ids=range(len(UNREADABLE + UNFIT)))
def test_what_ruby_cannot_read_is_wrapped(raw: bytes) -> None:
    """The payload is then an object with a class that no one has, and the exact bytes come back from base64."""
    record = record_of(raw)
    payload = strict(record)["payload"]
    assert payload["class"].startswith("(")
    assert isinstance(payload["args"][0], str)
    assert base64.b64decode(payload["resqd_raw"]) == raw
    assert read(record).next_payload() == raw
    record.decode().encode()


@pytest.mark.parametrize(
    "raw",
    [
        b'{"class":"A","args":' + b"[" * 80 + b"]" * 80 + b"}",
        b'{"class":"A","args":[' + b",".join([b"[]"] * 500) + b"]}",
        b'{"class":"A","args":["1e999",1e100,' + b"9" * 400 + b"]}",
    ],
    ids=range(3),
)
def test_what_ruby_can_read_is_spliced(raw: bytes) -> None:
    """Deep, wide or large but readable: the bytes stand in the record as they were."""
    assert raw in record_of(raw)


def test_a_huge_payload_leaves_a_preview() -> None:
    """Beyond the cap a record holds the first bytes, size and digest; it cannot be requeued, and says so."""
    raw = b'{"class":"A","id":"i","args":["' + b"x" * WHOLE_PAYLOAD + b'"]}'
    record = record_of(raw)
    assert len(record) < 3 * PREVIEW
    job = read(record)
    assert (job.id, job.job_class) == ("i", f"(payload of {len(raw)} bytes, not kept) A")
    assert len(strict(record)["payload"]["sha256"]) == 64
    with pytest.raises(PayloadError, match="too large"):
        job.next_payload()


class Unprintable(Exception):  # noqa: N818 - named for what it is
    def __str__(self) -> str:
        raise SystemExit(1)


def test_an_error_that_cannot_be_printed_is_recorded() -> None:
    """Its name stands in for its text."""
    job = read(record_of(b'{"class":"A"}', exception=Unprintable()))
    assert job.exception == f"{__name__}.Unprintable"
    assert "cannot be printed" in job.error


def test_texts_are_clean_and_bounded() -> None:
    """Lone surrogates are escaped, and a huge error text is cut."""
    job = read(
        record_of(b'{"class":"A"}', exception=("E\udc00", "\ud800" + "x" * 100_000), backtrace=["\ud800"])
    )
    assert (job.exception, job.error[:7], job.backtrace) == ("E\\udc00", "\\ud800x", ["\\ud800"])
    assert len(job.error) <= 16 * 1024


def test_names_of_errors() -> None:
    """Built-in and resqd's own errors have short names, others are qualified."""
    assert describe(KeyError("a")) == ("KeyError", "'a'")
    assert describe(DirtyExit("Job was killed")) == ("DirtyExit", "Job was killed")
    assert describe(json.JSONDecodeError("bad", "", 0))[0] == "json.decoder.JSONDecodeError"


def test_requeue_changes_only_what_it_must() -> None:
    """The id stays, the generation grows, the count of crashes goes, every other byte stays as it was."""
    raw = b'{"deliveries":2,"class":"A", "args":[1.10,"\\u00e9",9007199254740993],"id":"i","generation":3 }'
    assert read(record_of(raw)).next_payload() == (
        b'{"class":"A", "args":[1.10,"\\u00e9",9007199254740993],"id":"i","generation":4 }'
    )


def test_requeue_of_a_stock_payload_adds_what_it_lacks() -> None:
    """A payload without id and generation gets both."""
    job = payloads.decode(read(record_of(b'{"class":"A","args":[]}')).next_payload())
    assert (job.generation, len(job.id or "")) == (2, 32)


def test_a_record_of_ruby_is_read_and_marked() -> None:
    """Stock Resque's record, with its own form of time and a null worker, is read and marked as retried."""
    record = (
        b'{"failed_at":"Mon, 02 Mar 2026 10:00:00 -0000","payload":{"class":"A::B","args":[1]},'
        b'"exception":"RuntimeError","error":"x","backtrace":null,"worker":null,"queue":"q"}'
    )
    job = read(record)
    assert (job.job_class, job.worker, job.backtrace, job.retried_at) == ("A::B", "", [], None)
    marked = job.retried_record()
    assert marked.startswith(record[:-1])
    assert read(marked).retried_at
    assert len(read(marked).retried_record()) == len(marked)


@pytest.mark.parametrize("record", [b"", b"x", b"[]", b"{}", b'{"payload":7}', b'{"payload":{"args":3}}'])
def test_any_bytes_can_be_looked_at(record: bytes) -> None:
    """A broken record is shown, and refuses to be requeued."""
    job = read(record)
    json.dumps(job.as_dict())
    if job.job_class.startswith("(") or b"payload" not in record or b"7" in record:
        with pytest.raises(PayloadError):
            job.next_payload()


def test_splice() -> None:
    """Values are replaced where they stand, the last of a repeated key, or added at the end."""
    assert spans(' { "a" : [1, {"b":2}] , "a":3}')["a"].value == 3
    assert put('{"a":1,"b":"}","a":2}', {"a": "9", "c": "[]"}) == '{"a":1,"b":"}","a":9,"c":[]}'
    assert put(" {} ", {"a": "1"}) == ' {"a":1}'
    for text in ("", "[]", "{", '{"a"}', '{"a":1', '{"a":1 2}', "{1:2}"):
        with pytest.raises(PayloadError):
            spans(text)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"class":"","args":[]}',
        b'{"class":"A","args":["\\ud800"]}',
        b'{"class":"A","args":[],"note":"\\uDC00 x"}',
        b'{"class":"ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper","args":[]}',
        b'{"class":"ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper","args":[7]}',
    ],
)
def test_what_crashes_rubys_pages_is_kept_as_bytes(raw: bytes) -> None:
    """Seen with the real pages: an empty class, a lone surrogate, an Active Job without its own arguments."""
    record = json.loads(record_of(raw))
    assert base64.b64decode(record["payload"][RAW_KEY]) == raw
    assert record["payload"]["class"].startswith("(")
    assert FailedJob.read(record_of(raw), list_name="failed", index=0).next_payload() == raw


def test_a_pair_of_surrogates_is_ordinary_text() -> None:
    """An emoji written as two escapes stays where it is."""
    raw = b'{"class":"A","args":["\\ud83d\\ude00"],"id":"i"}'
    assert raw in record_of(raw)


def test_a_queue_that_is_not_utf8_survives_in_its_record() -> None:
    """Pages get text that they can show; a requeue gets the queue's own bytes."""
    raw = b'{"class":"A","args":[]}'
    record = record_of(raw, queue="q\udcff")
    assert json.loads(record)["queue"] == "q\\udcff"
    assert FailedJob.read(record, list_name="failed", index=0).queue == "q\udcff"
