"""The entries of QUEUES: names and globs, with caps and, where the order is weighted, weights."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from resqd import parsing

MOST_WEIGHT: Final = 1_000
_CAP = re.compile(r"(?P<count>[1-9][0-9]{0,5})|(?P<percent>[1-9][0-9]?|100)%", re.ASCII)
_LIKE_A_CAP = re.compile(r"[-+.]?[0-9][0-9.,eE+-]*|.*%", re.ASCII)
_WEIGHED = re.compile(r"(?P<pattern>.+)\*(?P<weight>[0-9]+)", re.ASCII)
_COMMAS_OUTSIDE_BRACES = re.compile(r",(?![^{}]*\})")


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """One entry of QUEUES: a name or a glob, how many threads of the daemon may run its jobs at once, its weight."""

    pattern: str
    cap_count: int | None = None
    cap_percent: int | None = None
    weight: int = 1
    """How many of its jobs come for one of an entry of weight 1, where the order is weighted."""

    @property
    def capped(self) -> bool:
        """Whether it has a cap."""
        return self.cap_count is not None or self.cap_percent is not None

    def limit(self, threads: int) -> int:
        """The cap, where the daemon has so many threads; a percentage is one thread at least."""
        if self.cap_percent is not None:
            return max(1, threads * self.cap_percent // 100)
        return threads if self.cap_count is None else self.cap_count

    @property
    def is_glob(self) -> bool:
        """Whether the pattern is matched against the set of queues, instead of naming one."""
        return any(character in self.pattern for character in "*?[{")

    def __str__(self) -> str:
        weighed = self.pattern if self.weight == 1 else f"{self.pattern}*{self.weight}"
        if self.cap_percent is not None:
            return f"{weighed}:{self.cap_percent}%"
        return weighed if self.cap_count is None else f"{weighed}:{self.cap_count}"


def queues(text: str) -> tuple[QueueSpec, ...]:
    """Names and globs with commas between them, each name with an optional cap: `critical:4,mail:50%,low`."""
    return without_weights(to_weigh(text))


def to_weigh(text: str) -> tuple[QueueSpec, ...]:
    """The same, where `critical*5:4` may be a name with a weight: for `with_weights`, or `without_weights`."""
    entries = [entry.strip() for entry in _COMMAS_OUTSIDE_BRACES.split(parsing.line(text))]
    if spaced := next((entry for entry in entries if len(entry.split()) > 1), None):
        remedy = f"two queues have a comma between them: {','.join(spaced.split())}"
        raise ValueError(
            f"{spaced!r} has a space in it; {remedy}; for one whose name has a space write ? in its place"
        )
    specs = tuple(dict.fromkeys(_queue(entry) for entry in entries if entry))
    if not specs:
        raise ValueError("name a queue, or give * for all")
    if twice := _repeated(specs):
        raise ValueError(f"{twice} stands there twice, with different caps")
    return specs


def without_weights(specs: Iterable[QueueSpec]) -> tuple[QueueSpec, ...]:
    """The entries as they are, where the order knows no weights: `a*5` is a glob."""
    entries = tuple(specs)
    for spec in entries:
        _check_cap(spec)
    return entries


def with_weights(specs: Iterable[QueueSpec]) -> tuple[QueueSpec, ...]:
    """The entries with what their patterns end with taken for weights: `critical*5,mail*2,low`."""
    entries = tuple(map(_weighed, specs))
    if twice := _repeated(entries):
        raise ValueError(f"{twice} stands there twice, with different weights or caps")
    return entries


def ends_like_a_weight(pattern: str) -> bool:
    """Whether it could be meant as `critical*5`."""
    return _WEIGHED.fullmatch(pattern) is not None


def _weighed(spec: QueueSpec) -> QueueSpec:
    match = _WEIGHED.fullmatch(spec.pattern)
    if match is None:
        _check_cap(spec)
        return spec
    weight = match["weight"]
    if len(weight) > len(str(MOST_WEIGHT)) or not 1 <= int(weight) <= MOST_WEIGHT:
        raise ValueError(f"{spec}: a weight is NAME*WEIGHT, with a whole number from 1 to {MOST_WEIGHT}")
    weighed = replace(spec, pattern=match["pattern"], weight=int(weight))
    _check_cap(weighed)
    return weighed


def _check_cap(spec: QueueSpec) -> None:
    if spec.capped and spec.is_glob:
        hint = "; NAME*WEIGHT:CAP needs RESQD_ORDER=weighted" if ends_like_a_weight(spec.pattern) else ""
        raise ValueError(f"{spec}: a glob cannot have a cap; name the queue{hint}")


def _repeated(specs: Iterable[QueueSpec]) -> str:
    patterns = [spec.pattern for spec in specs]
    return ", ".join(sorted({pattern for pattern in patterns if patterns.count(pattern) > 1}))


def _queue(entry: str) -> QueueSpec:
    pattern, colon, suffix = entry.rpartition(":")
    if not colon or not _LIKE_A_CAP.fullmatch(suffix):
        return QueueSpec(entry)  # a ':' may belong to a queue's name
    cap = _CAP.fullmatch(suffix)
    if cap is None or not pattern:
        raise ValueError(f"{entry}: a cap is NAME:COUNT or NAME:PERCENT%, from 1 up to 999999 or 100%")
    count, percent = cap["count"], cap["percent"]
    spec = QueueSpec(pattern, int(count) if count else None, int(percent) if percent else None)
    if not ends_like_a_weight(pattern):
        _check_cap(spec)
    return spec
