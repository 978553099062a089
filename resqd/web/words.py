"""Numbers, ages and names as people read them: two units at most, thousands with commas, cut in the middle."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from resqd.text import escaped

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


def count(number: float | None) -> str:
    """21094 as 21,094; `-` where there is none."""
    return "-" if number is None else f"{number:,.0f}"


def rate(per_second: float | None) -> str:
    """A rate, with a decimal where it is small."""
    if per_second is None:
        return "-"
    return f"{per_second:,.1f}" if 0 < per_second < 10 else f"{per_second:,.0f}"


def age(seconds: float | None) -> str:
    """846 as `14 min 06 s`; `-` where it is not known."""
    if seconds is None:
        return "-"
    seconds = max(0.0, seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = int(seconds + 0.5)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def ago(seconds: float | None) -> str:
    """How long ago, in whole seconds."""
    return "-" if seconds is None else f"{age(round(max(0.0, seconds)) or 0.0).replace('0 ms', '0 s')} ago"


def size(number: int) -> str:
    """Bytes in the unit that fits."""
    value = float(number)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            return f"{value:,.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def clock(seconds: float | None) -> str:
    """The time of day in UTC; with the date where it is not today's."""
    moment = _moment(seconds)
    if moment is None:
        return "-"
    today = moment.date() == datetime.now(UTC).date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def stamp(seconds: float | None) -> str:
    """The full time for `datetime=`."""
    moment = _moment(seconds)
    return "" if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


@lru_cache(maxsize=4_096)
def moment_of(text: str | None) -> float | None:
    """The seconds since 1970 of a time as Resque or Ruby writes it; None for what is none."""
    plain = (text or "").strip().replace("/", "-").replace(" UTC", "+00:00")
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None


def name(text: str) -> str:
    """A stranger's name for display: printable, whatever it holds."""
    return escaped(text) or "(blank)"


def short_id(job_id: str | None) -> str:
    """An id's two ends."""
    shown = escaped(job_id or "")
    return shown if len(shown) <= 16 else f"{shown[:8]}…{shown[-4:]}"


def cut(text: str, most: int) -> str:
    """The beginning of a text on one line."""
    shown = escaped(" ".join(text[: most * 4].split()))
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def as_json(value: Any, most: int = 200) -> str:
    """A value as JSON, cut."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError):
        text = "(nested too deep)"
    return cut(text, most)


def plural(number: int, one: str, many: str = "") -> str:
    """`1 job`, `2 jobs`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"
