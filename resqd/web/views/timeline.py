"""A job's life: each thing that is known to have happened to it, with its time, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resqd.errors import PayloadError
from resqd.store.debts import member_of
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads
from resqd.store.resque.payload import believed
from resqd.web import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from resqd.store.resque.payload import Payload


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened; `at` is None where nobody wrote down when."""

    at: float | None
    what: str
    more: str = ""
    colour: str = ""


def timeline(
    job: Payload, tries: Sequence[dict[str, Any]], *now_at: Moment, attempts: int | None = None
) -> list[Moment]:
    """What its payload and its tries tell, and where it is now. `attempts`: how many there were, if not as it says."""
    return [*_past(job, tries, (job.attempts or 0) if attempts is None else attempts), *now_at]


def batch_of(job: Payload) -> str | None:
    """The id of the batch that it belongs to."""
    found = member_of(job.marks.debts) if job.marks else None
    return None if found is None else found[1][0]


def seen(payload: Mapping[str, Any]) -> Payload:
    """A payload that somebody else has decoded; what is none is explained in it."""
    try:
        raw = encoding.dump(payload)
    except PayloadError:
        raw = b""
    return payloads.decode_or_explain(raw)


def _past(job: Payload, tries: Sequence[dict[str, Any]], attempts: int) -> Iterator[Moment]:
    enqueued = believed(job.enqueued_at)
    yield Moment(
        enqueued, "Enqueued", "" if enqueued is not None else "its producer wrote no time", "waiting"
    )
    if attempts > len(tries):
        yield Moment(
            None, words.plural(attempts - len(tries), "earlier try", "earlier tries"), "no longer kept"
        )
    for number, each in enumerate(tries, start=max(1, attempts - len(tries) + 1)):
        yield Moment(
            _number(each.get("began")) or _number(each.get("ended")),
            f"Try {number}",
            _error(each) + _lasted(each),
            "retry",
        )
    if job.deliveries:
        yield Moment(
            None,
            words.plural(job.deliveries, "crash", "crashes"),
            "its process was lost while it ran",
            "suspect",
        )
    if job.generation > 1:
        yield Moment(
            None, words.plural(job.generation - 1, "requeue"), "by hand, or by its worker", "waiting"
        )


def _error(attempt: dict[str, Any]) -> str:
    return words.cut(f"{attempt.get('exception', '')}: {attempt.get('error', '')}", 300)


def _lasted(attempt: dict[str, Any]) -> str:
    began, ended = _number(attempt.get("began")), _number(attempt.get("ended"))
    return (
        f", after {words.age(ended - began)}"
        if began is not None and ended is not None and ended >= began
        else ""
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
