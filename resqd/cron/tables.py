"""Which entries there should be, by the tables that living daemons have published: pure policy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from resqd.cron.entry import Entry
from resqd.cron.releases import release_order
from resqd.cron.ticks import first


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the application of one life of a daemon has in code: entries as JSON by name."""

    life: str
    app: str
    release: str
    entries: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table(Declaration):
    """A declaration that was published. `started` is when that was first, in microseconds since 1970."""

    started: int
    living: bool = True

    @property
    def rank(self) -> tuple[tuple[int, ...], int, str]:
        """The higher has its way: by release, then by start."""
        return release_order(self.release), self.started, self.life


@dataclass(frozen=True, slots=True)
class Paused:
    """Who paused an entry, and when (seconds since 1970)."""

    by: str
    at: int


@dataclass(frozen=True, slots=True)
class Run:
    """One enqueueing of an entry's job: the time that was due, None for one by hand; and when it was (seconds)."""

    due: int | None
    at: int


@dataclass(frozen=True, slots=True)
class State:
    """What is stored beside an entry: the next time, the last that was due, the latest runs (newest first)."""

    next: int | None = None
    last: int | None = None
    runs: tuple[Run, ...] = ()
    paused: Paused | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of one moment; `now` is in seconds since 1970 by Redis's clock. `version` changes with the entries."""

    version: str
    now: int
    entries: Mapping[str, Entry]
    texts: Mapping[str, str]
    """Every entry's JSON by name, also of those that cannot be read."""
    unreadable: Mapping[str, str]
    """Why, by name."""
    states: Mapping[str, State] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()

    def state(self, name: str) -> State:
        """What is stored beside an entry."""
        return self.states.get(name) or State()

    def declared_by(self, name: str) -> list[Table]:
        """The living tables that declare it, the one that has its way last."""
        return sorted(
            (one for one in self.tables if one.living and name in one.entries), key=lambda one: one.rank
        )


@dataclass(frozen=True, slots=True)
class Put:
    """Enter or replace an entry; `next` is its next time from now on, `seen` the one that this was decided on."""

    name: str
    text: str
    seen: int | None
    next: int | None


@dataclass(frozen=True, slots=True)
class Move:
    """Another next time for an entry that stays."""

    name: str
    seen: int | None
    next: int | None


@dataclass(frozen=True, slots=True)
class Remove:
    """Take an entry away with all that is stored beside it."""

    name: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop the table of a life that has ended."""

    life: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Let an entry have no next time."""

    name: str
    paused: Paused


@dataclass(frozen=True, slots=True)
class Resume:
    """Let an entry that was paused go on."""

    name: str
    next: int | None


Change = Put | Move | Remove | Forget | Pause | Resume


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to change, and by name the application that keeps an entry of ours from being entered."""

    changes: tuple[Change, ...]
    taken: Mapping[str, str]


def reconcile(seen: Snapshot, app: str) -> Verdict:
    """What a housekeeper of `app` changes: its application's entries, times that cannot be right, dead tables."""
    changes: list[Change] = []
    taken: dict[str, str] = {}
    declared = {name for table in seen.tables if table.living and table.app == app for name in table.entries}
    for name in sorted(declared):
        holder = _holder(seen, name, app)
        if holder is None:
            changes += _declare(seen, name, app)
        else:
            taken[name] = holder
    for name, entry in sorted(seen.entries.items()):
        if entry.app == app and not seen.declared_by(name):
            changes.append(Remove(name))
    settled = {change.name for change in changes if isinstance(change, Put | Remove)}
    changes += [move for name in sorted(seen.entries.keys() - settled) for move in _correct(seen, name)]
    changes += [Forget(table.life) for table in seen.tables if not table.living]
    return Verdict(tuple(changes), taken)


def _holder(seen: Snapshot, name: str, app: str) -> str | None:
    """Another application to which the entry belongs, since one of its living daemons declares it."""
    entry = seen.entries.get(name)
    if entry is None or entry.app in (None, app):
        return None
    return entry.app if any(table.app == entry.app for table in seen.declared_by(name)) else None


def _declare(seen: Snapshot, name: str, app: str) -> list[Change]:
    text = [table.entries[name] for table in seen.declared_by(name) if table.app == app][-1]
    if text == seen.texts.get(name):
        return []
    try:
        entry = Entry.from_json(name, text)
    except ValueError:
        return []  # a newer release's, which enters it
    return [put(seen, entry, text)]


def put(seen: Snapshot, entry: Entry, text: str) -> Put:
    """Enter an entry: one that is new or has another schedule starts from now, a pause stays."""
    before, state = seen.entries.get(entry.name), seen.state(entry.name)
    if before is not None and before.schedule == entry.schedule:
        return Put(entry.name, text, state.next, state.next)
    next_at = None if state.paused else first(entry.schedule, now=seen.now, last=state.last)
    return Put(entry.name, text, state.next, next_at)


def _correct(seen: Snapshot, name: str) -> list[Change]:
    """A next time is missing, or behind one that comes first: Redis's clock was ahead when it was computed."""
    state = seen.state(name)
    if state.paused or (state.next is not None and state.next <= seen.now):
        return []
    expected = first(seen.entries[name].schedule, now=seen.now, last=state.last)
    if expected is None or (state.next is not None and state.next <= expected):
        return []
    return [Move(name, state.next, expected)]


def table_text(entries: Mapping[str, str]) -> tuple[str, str]:
    """A table's digest and text: daemons of the same release share one."""
    text = json.dumps(dict(entries), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16], text
