"""Declaring that a job recurs: what is wrong with an entry is said where it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from resqd.cron.declared import Declared
from resqd.cron.entry import Entry, tick_id
from resqd.cron.options import GivenRecurrence
from resqd.cron.schedule import Cron, Every, Schedule
from resqd.errors import JobDefinitionError
from resqd.store.resque import encoding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta


class Home(Protocol):
    """Where an application's entries are."""

    timetable: Declared | None


class Recurrent(Protocol):
    """What is needed of a job."""

    name: str
    queue: str

    def bind(self, args: Sequence[Any], kwargs: dict[str, Any], /) -> Sequence[Any]:
        """The arguments by position. Errors: TypeError."""


def by_cron(
    home: Home, job: Recurrent, expression: str, *, tz: str, args: Sequence[Any], options: GivenRecurrence
) -> None:
    """Enter a job by a cron expression. Errors: as of `_declare`."""
    try:
        schedule = Cron.of(expression, tz)
    except ValueError as error:
        raise JobDefinitionError(f"cron({expression!r}) for {job.name}: {error}") from None
    _declare(home, job, schedule, args, options)


def by_period(
    home: Home,
    job: Recurrent,
    period: str | float | timedelta,
    *,
    offset: str | float | timedelta,
    args: Sequence[Any],
    options: GivenRecurrence,
) -> None:
    """Enter a job by a period. Errors: as of `_declare`."""
    try:
        schedule = Every.of(period, offset)
    except ValueError as error:
        raise JobDefinitionError(f"every({period!r}) for {job.name}: {error}") from None
    _declare(home, job, schedule, args, options)


def _declare(
    home: Home, job: Recurrent, schedule: Schedule, args: Sequence[Any], options: GivenRecurrence
) -> None:
    """Enter a job into an application's timetable.

    Errors: JobDefinitionError for what cannot be an entry; PayloadError and TypeError for arguments.
    """
    name = options.get("name")
    own = job.name if name is None else name
    unknown = options.keys() - GivenRecurrence.__annotations__
    if unknown:
        raise JobDefinitionError(f"cron entry {own!r}: there is no option {', '.join(sorted(unknown))}")
    if isinstance(args, str | bytes):
        raise JobDefinitionError(f"cron entry {own!r}: args is {args!r}; it takes a list or a tuple")
    bound = tuple(job.bind(tuple(args), {}))
    encoding.encode(job.name, bound, id=tick_id(own, 0))  # raises PayloadError
    queue = options.get("queue")
    try:
        entry = Entry(
            own,
            schedule,
            job.name,
            job.queue if queue is None else queue,
            bound,
            options.get("misfire", "once"),
        )
    except ValueError as error:
        raise JobDefinitionError(f"cron entry {own!r}: {error}") from None
    home.timetable = home.timetable or Declared()
    home.timetable.add(entry)
