"""A failure as bytes: the record that Resque's pages read, made of a payload and an error."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any, Final

from resqd.errors import PayloadError
from resqd.store.names import to_bytes
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from resqd.store.resque.payload import Payload

TIME_FORMAT: Final = "%Y/%m/%d %H:%M:%S"
WHOLE_PAYLOAD: Final = 16 * 1024 * 1024
"""Bytes up to which a record holds its payload whole; of a larger one it holds a preview, size and SHA-256.

A payload that its worker may have died of is kept whole only where the housekeeper has the memory to read it.
"""

PREVIEW: Final = 64 * 1024
_MAX_ERROR: Final = 16 * 1024
_RUBY_DEPTH: Final = 90  # Ruby's JSON refuses more than 100 levels, and its pages with it
_MAYBE_INFINITE: Final = re.compile(rb"[eE]\+?[0-9]{3}|[0-9]{300}")
_MAYBE_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")

_ACTIVE_JOB: Final = (
    "ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper"  # pages look into its first argument
)

RAW_KEY: Final = "resqd_raw"
"""The key of an envelope under which the payload's bytes stand in base64."""

QUEUE_KEY: Final = "resqd_queue"
"""The key of a record under which the bytes of a queue's name that is not UTF-8 stand in base64."""

PREVIEW_KEY: Final = "resqd_preview"
"""The same for the first bytes of a payload that is too large to keep."""


def build_record(
    *,
    raw: bytes,
    payload: Payload | None,
    exception: BaseException | tuple[str, str],
    backtrace: Sequence[str],
    worker: str,
    queue: str,
    failed_at: datetime,
    missing: int = 0,
) -> bytes:
    """A failure record in Resque's format, safe for Ruby's pages: never a NaN, a null or a non-object payload.

    `payload` is None where `raw` could not be decoded; `missing` bytes of it were not read. `exception` is the
    error, or its name and text. The payload's bytes are kept exactly, in place where Ruby can read them, else as
    base64 in an object.
    """
    name, text = (exception[0], exception[1]) if isinstance(exception, tuple) else describe(exception)
    head = f'{{"failed_at":"{failed_at.strftime(TIME_FORMAT)} UTC","payload":'
    tail = {
        "exception": clean(name),
        "error": clean(text)[:_MAX_ERROR],
        "backtrace": [clean(line) for line in backtrace],
        "worker": clean(worker),
        "queue": clean(queue),
    }
    if tail["queue"] != queue:
        tail[QUEUE_KEY] = base64.b64encode(to_bytes(queue)).decode()
    shown = _preview(raw, payload, missing) if missing else page_safe(raw, payload)
    return head.encode() + shown + b"," + encoding.dump(tail)[1:]


def describe(error: BaseException) -> tuple[str, str]:
    """An error's name and text; an error that cannot be printed is named nevertheless."""
    kind = type(error)
    short = kind.__module__ in {"builtins", "resqd.errors"}
    name = kind.__qualname__ if short else f"{kind.__module__}.{kind.__qualname__}"
    try:
        return name, str.__str__(str(error))  # plain: a class that derives from str may be returned
    except BaseException:  # noqa: BLE001 - a user's __str__ may raise anything, and the failure must be recorded
        return name, f"<{name} that cannot be printed>"


def clean(text: str) -> str:
    """Text as every JSON reader and page can show it: lone surrogates escaped."""
    return text.encode(errors="backslashreplace").decode()


def page_safe(raw: bytes, payload: Payload | None, *, limit: int = WHOLE_PAYLOAD) -> bytes:
    """A payload as an object that Ruby's pages can show: itself, or one that holds its bytes or a preview."""
    if len(raw) > limit:
        return _preview(raw, payload, 0)
    reason = "unreadable payload" if payload is None else _unfit(raw, payload)
    if reason is None:
        return raw
    return encoding.dump(
        {**_shown(reason, payload), "args": [_start(raw)], RAW_KEY: base64.b64encode(raw).decode()}
    )


def _preview(raw: bytes, payload: Payload | None, missing: int) -> bytes:
    reason = f"payload of {len(raw) + missing} bytes, not kept"
    digest = {} if missing else {"sha256": hashlib.sha256(raw).hexdigest()}
    kept = base64.b64encode(raw[:PREVIEW]).decode()
    return encoding.dump({**_shown(reason, payload), "args": [_start(raw)], **digest, PREVIEW_KEY: kept})


def _shown(reason: str, payload: Payload | None) -> dict[str, Any]:
    # A name that no class has, so that a retry from Ruby's pages cannot run a job with a preview as arguments.
    if payload is None:
        return {"class": f"({reason})"}
    shown = {"class": f"({reason}) {clean(payload.job_class)}", "generation": payload.generation}
    return shown if payload.id is None else {**shown, "id": clean(payload.id)}


def _start(raw: bytes) -> str:
    return raw[:200].decode(errors="backslashreplace")


def _unfit(raw: bytes, payload: Payload) -> str | None:
    """Why Ruby's pages would stumble over a payload that Python can read, or None."""
    if clean(payload.job_class) != payload.job_class:
        return "a class that is not UTF-8"
    if not payload.job_class:
        return "an empty class"  # Ruby's Requeue raises for it
    if payload.job_class == _ACTIVE_JOB and not (payload.args and isinstance(payload.args[0], dict | str)):
        return "an Active Job without a job"
    if raw.count(b"[") + raw.count(b"{") > _RUBY_DEPTH and _too_deep(raw):
        return "nested too deep for Ruby"
    if _MAYBE_SURROGATE.search(raw) and not _encodable(raw):
        return "text that is not Unicode"  # Ruby's JSON raises for a lone surrogate
    if _MAYBE_INFINITE.search(raw) and not _finite(payload.args):
        return "a number too large for Ruby"
    return None


def _encodable(raw: bytes) -> bool:
    try:
        json.dumps(payloads.load(raw), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_deep(raw: bytes) -> bool:
    try:
        level, depth = [payloads.load(raw)], 0
    except PayloadError:
        return True  # it was read once, by a caller with more of its stack left
    while level:
        depth += 1
        level = [child for value in level for child in _children(value)]
    return depth > _RUBY_DEPTH


def _finite(args: list[Any]) -> bool:
    level: list[Any] = args
    while level:
        if any(isinstance(value, float) and math.isinf(value) for value in level):
            return False
        level = [child for value in level for child in _children(value)]
    return True


def _children(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
