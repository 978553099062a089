"""Schedules that resque-scheduler made at run time, as entries of the timetable: pure translation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from resqd.cron.entry import Entry
from resqd.cron.schedule import Cron, Every, Schedule

PREFIX: Final = "resque-scheduler/"
"""What their entries' names begin with, so that they take no name of an application's."""
_ZONE = re.compile(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+)+|UTC|GMT", re.ASCII)
_FIELDS: Final = 5


def entry_of(
    name: str, raw: bytes, *, app: str, queue_of: Callable[[str], str | None], environment: str
) -> Entry | None:
    """The entry of one schedule; None where it is for another RAILS_ENV than `environment`.

    `queue_of` gives the queue of a class that is registered here. What was missed is not made up for, as in Ruby.
    Errors: ValueError, which says why it cannot be carried out here.
    """
    config = _config(raw)
    if environment not in _environments(config, environment):
        return None
    job_class = config.get("class") or name
    if type(job_class) is not str:
        raise ValueError(f"its class is {job_class!r}")
    queue = config.get("queue") or queue_of(job_class)
    if type(queue) is not str:
        raise ValueError(f"it names no queue, and no job is registered here as {job_class}")
    given = config.get("args")
    args = given if isinstance(given, list) else [] if given is None else [given]
    return Entry(f"{PREFIX}{name}", _schedule(config), job_class, queue, tuple(args), "skip", app)


def _config(raw: bytes) -> dict[str, Any]:
    try:
        config = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if type(config) is not dict:
        raise ValueError("it is no object")
    return config


def _environments(config: dict[str, Any], default: str) -> list[str]:
    named = config.get("rails_env") or config.get("env")
    return [each.strip() for each in named.split(",")] if isinstance(named, str) else [default]


def _schedule(config: dict[str, Any]) -> Schedule:
    if (every := _first(config.get("every"))) is not None:
        return Every.of(every)
    if (cron := _first(config.get("cron"))) is not None:
        return _cron(cron)
    raise ValueError("it has neither `cron` nor `every`")


def _first(value: Any) -> str | None:
    """The text itself, where options such as `first_in` may stand behind it in a list."""
    first = value[0] if isinstance(value, list) and value else value
    if first is not None and not isinstance(first, str):
        raise ValueError(f"{first!r} is no text")
    return first


def _cron(text: str) -> Cron:
    """Ruby allows a zone behind the five fields, and seconds before them."""
    fields = text.split()
    zone = fields.pop() if fields and _ZONE.fullmatch(fields[-1]) else "UTC"
    if len(fields) == _FIELDS + 1:
        if fields[0] != "0":
            raise ValueError(f"{text!r} has seconds; the timetable knows minutes")
        del fields[0]
    return Cron.of(" ".join(fields), zone)
