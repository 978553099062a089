"""Schedules: a cron expression in a time zone, or every so many seconds. Times are whole seconds since 1970."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS: Final = 5
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_MOST: Final = 366 * 86_400
_DURATION: Final = re.compile(r"(?:\d+[smhdw])+")
_PROBE: Final = 1_700_000_000
"""Any moment: an expression that is wrong, or names no day that ever comes, shows itself from everywhere."""


@functools.lru_cache(maxsize=1_000)
def _next_after(expression: str, tz: str, moment: int) -> int | None:
    from resqd.cron import crontime  # noqa: PLC0415 - who has no expression does not pay for cronsim and time zones

    return crontime.next_after(expression, tz, moment)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression of five fields, read as Debian's cron does, in a time zone."""

    expression: str
    tz: str = "UTC"

    @classmethod
    def of(cls, expression: str, tz: str = "UTC") -> Cron:
        """Read what a user has written. Errors: ValueError, which says what is wrong."""
        text = " ".join(str(expression).split())
        plain = ALIASES.get(text.lower(), text)
        fields = len(plain.split())
        if text.startswith("@") and plain is text:
            raise ValueError(f"{text!r} is unknown; there are {', '.join(ALIASES)}")
        if fields != _FIELDS:
            hint = "; seconds are for every('10s')" if fields == _FIELDS + 1 else ""
            raise ValueError(
                f"{text!r} has {fields} fields; it takes five: minute, hour, day, month, weekday{hint}"
            )
        try:
            found = _next_after(plain, str(tz), _PROBE)
        except ValueError as error:
            said = str(error)
            raise ValueError(
                said if "time zone" in said else f"{text!r}: {said[:1].lower()}{said[1:]}"
            ) from None
        if found is None:
            raise ValueError(f"{text!r} never comes")
        return cls(plain, str(tz))

    def next_after(self, moment: int) -> int | None:
        """The first time after `moment`; None where none comes within 50 years."""
        return _next_after(self.expression, self.tz, moment)

    def facts(self) -> dict[str, Any]:
        """What is written down of it."""
        return {"cron": self.expression, "tz": self.tz}

    def __str__(self) -> str:
        return f"{self.expression} ({self.tz})"


@dataclass(frozen=True, slots=True)
class Every:
    """Each multiple of `seconds` since 1970, `offset` seconds later: the same moments on all hosts, after restarts."""

    seconds: int
    offset: int = 0

    @classmethod
    def of(cls, period: str | float | timedelta, offset: str | float | timedelta = 0) -> Every:
        """Read what a user has written, such as "15m" or "1h30m". Errors: ValueError, which says what is wrong."""
        seconds, shift = duration(period), duration(offset)
        if not 1 <= seconds <= _MOST:
            raise ValueError(f"every {period} is not possible; give from '1s' to '366d'")
        return cls(seconds, shift % seconds)

    def next_after(self, moment: int) -> int | None:
        """The first time after `moment`."""
        return ((moment - self.offset) // self.seconds + 1) * self.seconds + self.offset

    def facts(self) -> dict[str, Any]:
        """What is written down of it."""
        return {"every": self.seconds, "offset": self.offset}

    def __str__(self) -> str:
        return f"every {in_words(self.seconds)}" + (f" + {in_words(self.offset)}" if self.offset else "")


Schedule = Cron | Every


def from_facts(facts: dict[str, Any]) -> Schedule:
    """What `facts` wrote. Errors: ValueError, also for a schedule of a kind that only a newer release knows."""
    match facts:
        case {"cron": str(expression), "tz": str(tz)}:
            return Cron.of(expression, tz)
        case {"every": int(seconds), "offset": int(offset)}:
            return Every.of(seconds, offset)
    raise ValueError("it has no schedule that this release knows")


def from_text(text: str, tz: str = "UTC", offset: str = "0") -> Schedule:
    """What the command line takes: `every 15m`, or a cron expression. Errors: ValueError."""
    first, _, rest = text.strip().partition(" ")
    if first.lower() == "every":
        return Every.of(rest.strip(), offset)
    if offset != "0":
        raise ValueError("an offset is for schedules such as 'every 15m'")
    return Cron.of(text, tz)


def duration(value: str | float | timedelta) -> int:
    """Whole seconds of "90s", "15m", "1h30m", "1d", "2w", of a number of seconds or a timedelta. Errors: ValueError."""
    if isinstance(value, str):
        text = "".join(value.split()).lower()
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
        if len(text) > 32 or not _DURATION.fullmatch(text):
            raise ValueError(f"{value!r} is no duration; write such as '15m', '1h30m' or '90s'")
        return sum(int(text[at : end - 1]) * _UNITS[text[end - 1]] for at, end in _parts(text))
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 10**9:
        raise ValueError(f"{value!r} is no duration; write such as '15m', or give seconds or a timedelta")
    if seconds != int(seconds):
        raise ValueError(f"{value!r} is not a whole number of seconds")
    return int(seconds)


def _parts(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\d+[smhdw]", text)]


def in_words(seconds: int) -> str:
    """The shortest such text for a duration, as `duration` reads it."""
    words = ""
    for unit, size in reversed(_UNITS.items()):
        count, seconds = divmod(seconds, size)
        words += f"{count}{unit}" if count else ""
    return words or "0s"
