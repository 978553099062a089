"""What is kept of a job's tries, and under which id: for whoever postpones a job or records its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Literal

from resqd.store.inflight.outbox import Postpone
from resqd.store.names import is_name
from resqd.store.resque.encoding import new_id
from resqd.store.resque.failure_record import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.store.resque.payload import Payload

_MOST_ERROR: Final = 2_000
"""The most characters of an error's text that are kept."""


def attempt_entry(
    exception: tuple[str, str],
    backtrace: Sequence[str],
    *,
    worker: str,
    began: float | None,
    ended: float,
) -> bytes:
    """What is kept of a try: ASCII on one line, the backtrace last, where the next try finds it to drop it.

    `exception` is the error's name and text; times are seconds since 1970, None where nobody knows.
    """
    name, text = exception
    facts = {
        "began": None if began is None else round(began, 3),
        "ended": round(ended, 3),
        "worker": clean(worker),
        "exception": clean(name),
        "error": clean(text)[:_MOST_ERROR],
        "backtrace": [clean(line) for line in backtrace],
    }
    return json.dumps(facts, separators=(",", ":")).encode()


def tried(payload: Payload) -> str:
    """The id under which tries of the job may have been kept; empty where there are none."""
    return _own_id(payload) if payload.attempts else ""


def postpone(
    token: int,
    payload: Payload,
    *,
    delay: float,
    kind: Literal["retry", "timeout", "snooze", "elsewhere"],
    attempt: bytes = b"",
) -> Postpone:
    """What is to be told of a job that runs again in `delay` seconds. One that has no id gets one."""
    own = _own_id(payload)
    new = "" if own or b'"id"' in payload.raw else new_id()
    return Postpone(token, delay, kind, own or new or new_id(), own or new, new, attempt)


def _own_id(payload: Payload) -> str:
    return payload.id if payload.id and is_name(payload.id) else ""
