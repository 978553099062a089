"""What is kept of the history for how long, and what there is to be made and dropped: decided from fields' names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400
KEPT: Final[Mapping[int, int]] = {MINUTE: 8 * HOUR, HOUR: 31 * DAY, DAY: 730 * DAY}
"""For how many seconds rows of each span are kept."""
FINER: Final[Mapping[int, int]] = {HOUR: MINUTE, DAY: HOUR}
"""Of which rows a longer one is made."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """The spans, by their first second, whose rows are to be made of finer ones, and those to be dropped."""

    make: tuple[int, ...]
    drop: tuple[int, ...]


def start(moment: float, span: int) -> int:
    """The first second of the span that this moment lies in, since 1970 in UTC."""
    return int(moment) // span * span


def tasks(
    span: int, *, finer: Iterable[int], own: Iterable[int], changed: Iterable[int], now: float
) -> Tasks:
    """What to do about the rows of a span that are there (`own`), of those that it is made of (`finer`).

    One that has ended is made when it is missing, or again when one of its parts has `changed`. A part that may have
    been dropped already is no reason: the row would lose the others.
    """
    there = set(own)
    ended = {start(each, span) for each in finer} | {start(each, span) for each in changed}
    late = {start(each, span) for each in changed}
    whole = now - KEPT[FINER[span]]
    make = {at for at in ended if at + span <= now and at >= whole and (at not in there or at in late)}
    return Tasks(tuple(sorted(make)), dropped(span, there, now))


def dropped(span: int, own: Iterable[int], now: float) -> tuple[int, ...]:
    """The spans whose time is over; those of the future, by a clock that was wrong, too."""
    return tuple(sorted(at for at in own if at < now - KEPT[span] - span or at > now + DAY))
