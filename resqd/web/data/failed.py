"""Searching a failed list of any length: newest first, a bounded part of it for each page."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from resqd.store.resque.failed_job import FailedJob
from resqd.store.resque.glimpses import Glimpse, digest_of
from resqd.text import escaped
from resqd.web import words

if TYPE_CHECKING:
    from resqd.clock import Clock
    from resqd.store.resque.failed import Failures
    from resqd.store.resque.glimpses import Glimpses
    from resqd.web.data.masks import Masks

ROWS: Final = 50
BUDGET: Final = 0.025
"""Seconds that one page may search; after it the page says how far it came, and goes on where it is asked to."""
_LEAST: Final = 300
"""Records that are looked at in any case, so that short lists are searched whole on a busy machine too."""
_CHUNK: Final = 100
_NEAR: Final = 500
_GROUPS: Final = 100
_NUMBERS: Final = re.compile(r"\b0x[0-9a-fA-F]+|\b[0-9a-f]{8,}\b|\d+")
_MOST_SEARCHED: Final = 20_000


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked for; what is empty matches all. Times are in seconds since 1970."""

    list_name: str = "failed"
    text: str = ""
    job_class: str = ""
    queue: str = ""
    error: str = ""
    alike: str = ""
    since: float | None = None
    until: float | None = None

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out."""
        return any((self.text, self.job_class, self.queue, self.error, self.alike)) or self.since is not None

    def matches(self, failure: FailedJob, masks: Masks) -> bool:
        """Whether a failure is meant. Argument text that is masked matches nothing."""
        return (
            self.job_class in {"", failure.job_class}
            and self.queue in {"", failure.queue}
            and self.error in {"", failure.exception}
            and (not self.alike or self.alike == alike(failure.error))
            and self._in_time(failure)
            and (not self.text or self._says(failure, masks))
        )

    def _in_time(self, failure: FailedJob) -> bool:
        if self.since is None and self.until is None:
            return True
        at = words.moment_of(failure.failed_at)
        if at is None:
            return self.since is None
        return (self.since is None or at >= self.since) and (self.until is None or at <= self.until)

    def _says(self, failure: FailedJob, masks: Masks) -> bool:
        wanted = self.text.casefold()
        said = f"{failure.error[:_MOST_SEARCHED]}\n{failure.exception}\n{failure.id or ''}"
        return (
            wanted in said.casefold() or wanted in masks.searched(failure.job_class, failure.args).casefold()
        )


def alike(error: str) -> str:
    """An error's text with its numbers set aside, so that those that differ in them only are one group."""
    return _NUMBERS.sub("#", words.cut(error, 160))


@dataclass(slots=True)
class Group:
    """Failures of one class with one error."""

    job_class: str
    exception: str
    alike: str
    queue: str
    example: str
    count: int = 0
    first: float | None = None
    last: float | None = None

    def add(self, at: float | None) -> None:
        """One failure more."""
        self.count += 1
        if at is not None:
            self.first = at if self.first is None else min(at, self.first)
            self.last = at if self.last is None else max(at, self.last)


class Groups:
    """Groups as they are found. A list of millions may hold many: the smallest are folded into one."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, str], Group] = {}
        self.total = 0
        self.left_out = 0

    def add(self, failure: FailedJob) -> None:
        """One failure more."""
        self.total += 1
        key = (failure.job_class, failure.exception, alike(failure.error))
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= 20 * _GROUPS:
                self.left_out += 1
                return
            group = self._groups[key] = Group(
                *key, queue=failure.queue, example=words.cut(failure.error, 160)
            )
        group.add(words.moment_of(failure.failed_at))

    def largest(self) -> list[Group]:
        """The hundred largest."""
        return sorted(self._groups.values(), key=lambda group: -group.count)[:_GROUPS]

    def __len__(self) -> int:
        return len(self._groups)


@dataclass(frozen=True, slots=True)
class Seen:
    """A failure, and the mark by which it is found again: its digest, or its size where it was too large to read."""

    failure: FailedJob
    mark: str


@dataclass(slots=True)
class Found:
    """`looked` of the list's `total` records were looked at, from position `before` downwards.

    `going_on` is the position for the next page; None at the list's end. `too_large` records were not read.
    """

    total: int
    before: int
    rows: list[Seen] = field(default_factory=list)
    groups: Groups = field(default_factory=Groups)
    looked: int = 0
    too_large: int = 0
    going_on: int | None = None

    @property
    def everything(self) -> bool:
        """Whether the whole list was looked at, so that the numbers are exact."""
        return self.looked >= self.total


class Search:
    """Reads failed lists of one namespace."""

    def __init__(
        self, failures: Failures, glimpses: Glimpses, masks: Masks, clock: Clock = time.monotonic
    ) -> None:
        self._failures = failures
        self._glimpses = glimpses
        self._masks = masks
        self._clock = clock

    def page(self, wanted: Filter, before: int | None = None, *, rows: int = ROWS) -> Found:
        """The newest that match before a position, and groups of all that match as far as the time allowed to look."""
        total = self._glimpses.lengths([self._failures.key(wanted.list_name)])[0]
        begin = total if before is None else min(before, total)
        found = Found(total, begin)
        end = self._clock() + BUDGET
        for glimpse in self._backwards(wanted.list_name, begin):
            found.looked += 1
            failure = _read(glimpse, wanted.list_name)
            found.too_large += not glimpse.whole
            if wanted.matches(failure, self._masks) if glimpse.whole else not wanted.narrow:
                found.groups.add(failure)
                if len(found.rows) < rows:
                    found.rows.append(Seen(failure, _mark(glimpse)))
                elif found.going_on is None:
                    found.going_on = glimpse.index + 1
            if found.looked >= _LEAST and found.looked % 20 == 0 and self._clock() >= end:
                break
        if found.going_on is None and begin - found.looked > 0:
            found.going_on = begin - found.looked
        return found

    def at(self, list_name: str, index: int, mark: str) -> FailedJob | None:
        """The record that stood at a position; where others before it have gone it stands a little lower."""
        key = self._failures.key(list_name)
        first = max(0, index - _NEAR)
        spans = [(index, 1), (first, index - first)]
        for start, count in spans:
            for glimpse in reversed(self._glimpses.look(key, start, count, most=32 * 1024 * 1024)):
                if glimpse.whole and mark in {digest_of(glimpse.raw), f"size-{glimpse.size}"}:
                    return FailedJob.read(glimpse.raw, list_name=list_name, index=glimpse.index)
        return None

    def of_job(self, job_id: str) -> FailedJob | None:
        """The latest failure of a job, as far as the time allows to look in each list."""
        for name in self._failures.lists():
            found = self.page(replace(Filter(list_name=name), text=job_id), rows=5)
            for failure in (seen.failure for seen in found.rows):
                if failure.id is not None and job_id in {failure.id, escaped(failure.id)}:
                    return failure
        return None

    def _backwards(self, list_name: str, end: int) -> Iterator[Glimpse]:
        key = self._failures.key(list_name)
        while end > 0:
            start = max(0, end - _CHUNK)
            chunk = self._glimpses.look(key, start, end - start)
            if not chunk:
                return
            # Where the items are large fewer came than were asked for: those missing are the newest.
            missing = end - start - len(chunk)
            if missing > 0 and chunk[-1].index < end - 1:
                chunk += self._glimpses.look(key, chunk[-1].index + 1, missing)
            yield from reversed(chunk)
            end = start


def _mark(glimpse: Glimpse) -> str:
    return glimpse.digest if glimpse.whole else f"size-{glimpse.size}"


def _read(glimpse: Glimpse, list_name: str) -> FailedJob:
    """The failure; of one that is too large to be read here only that it is."""
    raw = glimpse.raw
    if not glimpse.whole:
        raw = b'{"payload":{"class":"(a record of %b)"}}' % words.size(glimpse.size).encode()
    return FailedJob.read(raw, list_name=list_name, index=glimpse.index)
