"""Cron expressions by cronsim, which follows Debian's cron; only imported where an application has one."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Errors: ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"there is no time zone {name!r}; give a name such as 'Europe/Berlin' (a machine without any needs"
            " the package tzdata)"
        ) from None


def next_after(expression: str, tz: str, moment: int) -> int | None:
    """The first time after `moment` (seconds since 1970) that the expression names; None where none comes.

    What is given by the clock (neither minute nor hour begins with `*`) comes once on every day: a time that a change
    of summer time leaves out comes at the change's end, and of two the first counts. Everything else follows the
    elapsed time. Errors: ValueError for what is no expression.
    """
    start = datetime.fromtimestamp(moment, UTC if tz == "UTC" else zone(tz))
    try:
        # In the second of two equal hours cronsim names times of the first: those have been.
        return next(
            (at for each in CronSim(expression, start) if (at := int(each.timestamp())) > moment), None
        )
    except (CronSimError, OverflowError) as error:
        raise ValueError(str(error)) from None
