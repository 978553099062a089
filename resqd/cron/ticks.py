"""What is due of one entry, and when it is due next: pure policy, in whole seconds of Redis's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from resqd.cron.schedule import Schedule

LATE: Final = 60
"""Seconds after which a time counts as missed, so that the entry's misfire policy decides on it."""
MOST: Final = 100
"""Missed times that `misfire="all"` makes up for, the oldest first."""
SET_BACK: Final = 3 * 3_600
"""Seconds by which the clock may go back before times that have been come again, as in Debian's cron."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """The times to enqueue the job for, oldest first; the next one, None where none comes; whether any was missed."""

    due: tuple[int, ...]
    next: int | None
    missed: bool


def ticks(schedule: Schedule, misfire: str, *, stored: int, now: int) -> Ticks:
    """What follows from a stored next time that has come (`stored <= now`). No time after `now` is ever due."""
    punctual = now - LATE
    due: list[int] = []
    at: int | None = stored
    missed = stored < punctual
    if missed:
        due += _made_up(schedule, misfire, stored, punctual)
        at = schedule.next_after(punctual - 1)
    while at is not None and at <= now:
        due.append(at)
        at = schedule.next_after(at)
    return Ticks(tuple(due), at, missed)


def _made_up(schedule: Schedule, misfire: str, stored: int, punctual: int) -> list[int]:
    """For what was missed before `punctual`. Only the stored time is certain to have been meant by somebody.

    A clock that is far ahead for a moment makes years of missed times, so they are counted from the stored one on.
    """
    if misfire != "all":
        return [stored] if misfire == "once" else []
    made_up: list[int] = []
    at: int | None = stored
    while at is not None and at < punctual and len(made_up) < MOST:
        made_up.append(at)
        at = schedule.next_after(at)
    return made_up


def first(schedule: Schedule, *, now: int, last: int | None) -> int | None:
    """The next time of an entry that is new, changed, or whose stored time lies behind others that come first.

    `last` is the last time that was due. Where the clock was set back by less than three hours, times until then
    have been; after a longer step the clock was wrong before, and they have not.
    """
    have_been = last is not None and now < last <= now + SET_BACK
    return schedule.next_after(last if have_been and last is not None else now)
