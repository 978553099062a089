"""Failed jobs in a table, grouped by error; one failed job; and acts on many of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from resqd.errors import PayloadError
from resqd.explain.reasons import JobFacts, of_job
from resqd.store.resque import payload as payloads
from resqd.store.resque.glimpses import digest_of
from resqd.web import words
from resqd.web.data.failed import ROWS, Filter
from resqd.web.views.timeline import Moment, seen, timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.store.resque.failed_job import FailedJob
    from resqd.web.data.failed import Found, Group
    from resqd.web.data.masks import Masks
    from resqd.web.data.works import Work

PERIODS: Final = {"1h": 3600.0, "24h": 86_400.0, "7d": 7 * 86_400.0}
PERIOD_NAMES: Final = {"": "Ever", "1h": "1 h", "24h": "24 h", "7d": "7 d"}
_MOST_ROWS: Final = 100
FILTERED: Final = ("list", "text", "class", "queue", "error", "alike", "since")


def filter_of(asked: dict[str, str], now: float) -> Filter:
    """The filter that a query asks for."""
    period = PERIODS.get(asked.get("since", ""))
    return Filter(
        list_name=asked.get("list") or "failed",
        text=asked.get("text", ""),
        job_class=asked.get("class", ""),
        queue=asked.get("queue", ""),
        error=asked.get("error", ""),
        alike=asked.get("alike", ""),
        since=None if period is None else now - period,
    )


@dataclass(frozen=True, slots=True)
class FailedRow:
    """One failure as a row."""

    failure: FailedJob
    digest: str
    at: float | None
    line: str

    @property
    def ticked(self) -> str:
        """How a form names it."""
        return f"{self.failure.index}:{self.digest}"


def failed_row(failure: FailedJob, masks: Masks, mark: str = "") -> FailedRow:
    """A failure as a row."""
    return FailedRow(
        failure=failure,
        digest=mark or digest_of(failure.record),
        at=words.moment_of(failure.failed_at),
        line=masks.line(failure.job_class, failure.args, 60),
    )


@dataclass(frozen=True, slots=True)
class Chip:
    """One part of the filter, and the query without it."""

    text: str
    name: str
    without: dict[str, str]


def chips(asked: dict[str, str]) -> list[Chip]:
    """The filter's parts, each of which can be taken away."""
    return [
        Chip(f"{name}: {PERIOD_NAMES.get(value, value) if name == 'since' else words.cut(value, 40)}", name,
             {other: text for other, text in asked.items() if other not in {name, "before"}})
        for name, value in asked.items()
        if name in FILTERED and name != "list" and value
    ]  # fmt: skip


def failed(
    found: Found,
    asked: dict[str, str],
    masks: Masks,
    *,
    lists: Sequence[str],
    kept: int,
    works: Sequence[Work],
    now: float,
) -> dict[str, object]:
    """What the page of failed jobs shows."""
    groups = found.groups.largest()
    return {
        "found": found,
        "rows": [failed_row(seen.failure, masks, seen.mark) for seen in found.rows[:_MOST_ROWS]],
        "groups": groups,
        "more_groups": max(0, len(found.groups) - len(groups)),
        "asked": asked,
        "chips": chips(asked),
        "lists": lists[:_MOST_ROWS],
        "periods": PERIOD_NAMES,
        "kept": kept,
        "classes": sorted({group.job_class for group in groups} | {asked.get("class", "")} - {""}),
        "errors": sorted({group.exception for group in groups} | {asked.get("error", "")} - {""}),
        "queues": sorted({group.queue for group in groups} | {asked.get("queue", "")} - {""}),
        "page_rows": ROWS,
        "now": now,
        "works": [work for work in works if work.verb != "count" or not work.ended][:5],
        "counted": counted(works, asked),
    }


def counted(works: Sequence[Work], asked: dict[str, str]) -> Work | None:
    """The newest count of the whole list by the same filter."""
    wanted = filter_of(asked, 0.0)
    for work in works:
        same = (
            work.wanted.list_name == wanted.list_name
            and work.wanted.text == wanted.text
            and work.wanted.job_class == wanted.job_class
            and work.wanted.queue == wanted.queue
            and work.wanted.error == wanted.error
            and work.wanted.alike == wanted.alike
            and (work.wanted.since is None) == (wanted.since is None)
        )
        if work.verb == "count" and work.state == "done" and same:
            return work
    return None


def failure(found: FailedJob, masks: Masks) -> dict[str, object]:
    """What the page of one failed job shows."""
    return {
        "row": failed_row(found, masks),
        "failure": found,
        "arguments": masks.arguments(found.job_class, found.args),
        "more_arguments": max(0, len(found.args) - 50),
        "backtrace": [words.cut(line, 400) for line in found.backtrace[:200]],
        "hidden": masks.hides(found.job_class),
        "size": len(found.record),
        "reasons": of_job(
            JobFacts(
                found.id or "without id",
                failed=f"{found.exception}: {words.cut(found.error, 200)} ({found.failed_at})",
            )
        ),
        "timeline": _timeline(found),
        "alike": {"class": found.job_class, "error": found.exception},
    }


def _timeline(found: FailedJob) -> list[Moment]:
    """Its life up to its end, from its record."""
    try:
        told = payloads.load(found.record)
    except PayloadError:
        told = None
    kept = told.get("payload") if isinstance(told, dict) else None
    job = seen(kept if isinstance(kept, dict) else {"class": found.job_class, "args": []})
    why = words.cut(f"{found.exception}: {found.error}", 300)
    end = Moment(words.moment_of(found.failed_at), "Failed", why, "failed")
    moments = timeline(job, found.attempts, end, attempts=len(found.attempts))
    if found.retried_at:
        moments.append(Moment(words.moment_of(found.retried_at), "Requeued", "by hand", "waiting"))
    return moments


def groups_of(work: Work) -> list[dict[str, Any]]:
    """The groups of a count."""
    return work.groups


def group_query(group: Group, asked: dict[str, str]) -> dict[str, str]:
    """The query that shows one group's failures."""
    narrower = {"class": group.job_class, "error": group.exception, "alike": group.alike}
    return {**{name: text for name, text in asked.items() if name != "before"}, **narrower}
