"""One failure record as read from its list, whoever wrote it, and changing single values of its text."""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from resqd.errors import PayloadError
from resqd.store.inflight.tokens import uncounted
from resqd.store.names import to_text
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads
from resqd.store.resque.failure_record import PREVIEW_KEY, QUEUE_KEY, RAW_KEY, TIME_FORMAT
from resqd.store.resque.payload import scan

_SPACE: Final = re.compile(r"[ \t\n\r]*")


class Span(NamedTuple):
    """A value of an object: what it is, and where it stands in the text."""

    value: Any
    start: int
    end: int


def spans(text: str) -> dict[str, Span]:
    """The values at an object's top level, by key; of a key that repeats the last, as JSON readers take it.

    Raises PayloadError where the text is not one JSON object.
    """
    found: dict[str, Span] = {}
    at = _expect(text, _skip(text, 0), "{")
    if text[at : at + 1] == "}":
        return found
    while True:
        key, at = scan(text, at)
        if not isinstance(key, str):
            raise PayloadError("the text is not a JSON object")
        start = _expect(text, _skip(text, at), ":")
        value, end = scan(text, start)
        found[key] = Span(value, start, end)
        at = _skip(text, end)
        if text[at : at + 1] == "}":
            return found
        at = _expect(text, at, ",")


def put(text: str, values: dict[str, str]) -> str:
    """The object with these keys set to these JSON texts: replaced where they stand, else added at the end."""
    known = spans(text)
    for key in sorted(known.keys() & values.keys(), key=lambda key: known[key].start, reverse=True):
        text = text[: known[key].start] + values[key] + text[known[key].end :]
    added = "".join(f',"{key}":{value}' for key, value in values.items() if key not in known)
    if not known:
        added = added.removeprefix(",")
    return text[: text.rindex("}")] + added + "}"


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, char: str) -> int:
    if text[at : at + 1] != char:
        raise PayloadError(f"the text is not a JSON object: no {char} at character {at}")
    return _skip(text, at + 1)


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A failure: where its record stood when it was read, and what it says. Ruby's records are read as well.

    `list_name` is the failed list's name without the namespace and `index` the position in it. Texts that a
    record lacks are empty; `job_class` of a record that cannot be read says why, in brackets.
    """

    list_name: str
    index: int
    record: bytes
    failed_at: str
    retried_at: str | None
    exception: str
    error: str
    backtrace: list[str]
    worker: str
    queue: str
    job_class: str
    args: list[Any]
    id: str | None
    generation: int
    attempts: list[dict[str, Any]]
    """The last tries before the one that failed for good, of a job that was retried."""

    @classmethod
    def read(cls, record: bytes, *, list_name: str, index: int) -> FailedJob:
        """The failure in a record's bytes; never raises."""
        try:
            value = payloads.load(record)
        except PayloadError as error:
            value = {"payload": {"class": f"(unreadable record: {error})"}}
        if not isinstance(value, dict):
            value = {"payload": {"class": "(a record that is not an object)"}}
        payload = value.get("payload")
        job = payload if isinstance(payload, dict) else {}
        args, generation, backtrace = job.get("args"), job.get("generation", 1), value.get("backtrace")
        tries = value.get("attempts")
        return cls(
            list_name=list_name,
            index=index,
            record=record,
            failed_at=_text(value.get("failed_at")),
            retried_at=_text(value.get("retried_at")) or None,
            exception=_text(value.get("exception")),
            error=_text(value.get("error")),
            backtrace=[_text(line) for line in backtrace] if isinstance(backtrace, list) else [],
            worker=_text(value.get("worker")),
            queue=_queue(value),
            job_class=_text(job.get("class")),
            args=args if isinstance(args, list) else [],
            id=_text(job.get("id")) or None,
            generation=generation if type(generation) is int else 1,
            attempts=[each for each in tries if isinstance(each, dict)] if isinstance(tries, list) else [],
        )

    def as_dict(self) -> dict[str, Any]:
        """The failure as JSON can hold it, without the record's bytes."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "record"}

    def next_payload(self) -> bytes:
        """The payload to put back: the same bytes with the generation one higher and no crashes charged.

        A job without id gets one. A payload that was kept as base64 goes back as it was. Raises
        PayloadError where the record holds none, or a preview only.
        """
        text = self.record.decode()
        found = spans(text).get("payload")
        if found is None or not isinstance(found.value, dict):
            raise PayloadError("the record holds no payload")
        if PREVIEW_KEY in found.value:
            raise PayloadError("the payload was too large to keep; the record holds a preview only")
        if RAW_KEY in found.value:
            return _unwrapped(found.value[RAW_KEY])
        payload = uncounted(text[found.start : found.end].encode()).decode()
        values = {"generation": _next(self.generation)}
        if self.id is None:
            values["id"] = f'"{encoding.new_id()}"'
        if "enqueued_at" in found.value:
            values["enqueued_at"] = f"{time.time():.3f}"
        return put(payload, values).encode()

    def retried_record(self) -> bytes:
        """The record with the time of the retry in it, all else as it was."""
        stamp = time.strftime(TIME_FORMAT, time.gmtime())
        return put(self.record.decode(), {"retried_at": json.dumps(f"{stamp} UTC")}).encode()


def _queue(value: dict[str, Any]) -> str:
    try:
        return to_text(base64.b64decode(value[QUEUE_KEY], validate=True))
    except (KeyError, TypeError, ValueError):
        queue = value.get("queue")
        return "" if isinstance(queue, list | dict) else _text(queue)


def _unwrapped(kept: object) -> bytes:
    try:
        return base64.b64decode(_text(kept), validate=True)
    except ValueError as error:  # binascii.Error, or text that is not ASCII
        raise PayloadError(f"the record's base64 is broken: {error}") from None


def _next(generation: int) -> str:
    try:
        return str(generation + 1)
    except ValueError as error:  # it may have as many digits as Python reads, and then one more
        raise PayloadError(f"the job's generation is too large: {error}") from None


def _text(value: object) -> str:
    if value is None:
        return ""
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        return "(nested too deep)"
