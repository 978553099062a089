"""Jobs that are to run later, and those that recur, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resqd.cron.entry import tick_id
from resqd.store.resque import payload as payloads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.store.cron.crontab import Listed
    from resqd.store.later.later import Waiting
    from resqd.web.data.masks import Masks

ROWS: Final = 50
_ENTRIES: Final = 100
_RUNS: Final = 3


@dataclass(frozen=True, slots=True)
class LaterRow:
    """One job that is to run later; `left` is seconds until then, below 0 where it is due."""

    ticket: str
    due: float
    left: float
    queue: str
    job_class: str
    job_id: str | None
    line: str
    attempts: int


def later_row(waiting: Waiting, masks: Masks, now: float) -> LaterRow:
    """A job as a row."""
    job = payloads.decode_or_explain(waiting.raw)
    return LaterRow(
        ticket=waiting.ticket,
        due=waiting.due,
        left=waiting.due - now,
        queue=waiting.queue,
        job_class=job.job_class,
        job_id=job.id,
        line=masks.line(job.job_class, job.args),
        attempts=job.attempts or 0,
    )


@dataclass(frozen=True, slots=True)
class CronRow:
    """One entry; `left` is seconds until its next time, None where it has none; `runs` are times and jobs' ids."""

    listed: Listed
    schedule: str
    left: float | None
    runs: tuple[tuple[float, str | None], ...]

    @property
    def name(self) -> str:
        """Its name."""
        return self.listed.name


def cron(entries: Sequence[Listed], now: float) -> dict[str, object]:
    """What the page of recurring jobs shows: those that cannot be read first, then the next one first."""
    rows = [_cron_row(listed, now) for listed in entries]
    rows.sort(key=lambda row: (row.listed.entry is not None, row.left is None, row.left or 0.0, row.name))
    return {"rows": rows[:_ENTRIES], "total": len(rows), "now": now}


def _cron_row(listed: Listed, now: float) -> CronRow:
    state, entry = listed.state, listed.entry
    return CronRow(
        listed=listed,
        schedule="" if entry is None else str(entry.schedule),
        left=None if state.next is None or state.paused else state.next - now,
        runs=tuple(
            (float(run.at), None if run.due is None else tick_id(listed.name, run.due))
            for run in state.runs[:_RUNS]
        ),
    )
