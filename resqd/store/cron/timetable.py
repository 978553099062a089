"""The timetable as a daemon, a command or a page reads and changes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from resqd.cron.entry import Entry
from resqd.cron.tables import (
    Change,
    Declaration,
    Forget,
    Move,
    Pause,
    Paused,
    Put,
    Remove,
    Resume,
    Run,
    Snapshot,
    State,
    Table,
    table_text,
)
from resqd.store.keys import Keys
from resqd.store.names import to_text
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall, ServerError, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from resqd.store.redis.connection import Reply
    from resqd.store.redis.links import Links


_LIBRARIES: Final = ("clock", "cron/version")
LOOK: Final = Script.load("cron/look", *_LIBRARIES)
SNAPSHOT: Final = Script.load("cron/snapshot", *_LIBRARIES)
PUBLISH: Final = Script.load("cron/publish", *_LIBRARIES)
CHANGE: Final = Script.load("cron/change", *_LIBRARIES)
FIRE: Final = Script.load("cron/fire", *_LIBRARIES, "cron/runs")
RUN: Final = Script.load("cron/run", *_LIBRARIES, "cron/runs")


class Runs(Protocol):
    """What carries out scripts: a Link, or where several threads ask, `Lending`."""

    def run_scripts(self, calls: Sequence[ScriptCall]) -> list[Reply]:
        """The replies to several scripts; an error reply stands in its place."""


class Lending:
    """Carries out each on a link of its own meanwhile, so that threads may share it."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def run_scripts(self, calls: Sequence[ScriptCall]) -> list[Reply]:
        """As Link.run_scripts."""
        return self._links.lend(lambda link: link.run_scripts(calls))


@dataclass(frozen=True, slots=True)
class Look:
    """Redis's time in seconds, the version of the entries, and those that are due first with their next times."""

    now: float
    version: str
    first: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Fire:
    """Ticks to carry out: `next` follows `seen`, and each due time has its payload."""

    name: str
    version: str
    seen: int
    next: int | None
    queue: str
    due: tuple[int, ...]
    payloads: tuple[bytes, ...]


LOOK_AT: Final = 100
"""Entries that one look names; where more are due, the next look names the others."""

DONE: Final = "done"
STALE: Final = "stale"
EARLY: Final = "early"


class Timetable:
    """Reads and changes the timetable. Every method may raise a StoreError. Threads may share it if `link` may be."""

    def __init__(self, link: Runs, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self._look = ScriptCall(LOOK, PackedKeys.of(keys.cron_next, keys.cron_version), (LOOK_AT,))
        self._entries = (keys.cron, keys.cron_next, keys.cron_runs, keys.cron_paused)
        self._tables = (keys.cron_tables, keys.cron_texts)

    def look(self) -> Look:
        """What is due first: the one cheap question."""
        micros, version, first = self._ask(self._look)
        pairs = zip(first[::2], first[1::2], strict=True)
        return Look(
            micros / 1_000_000, version.decode(), tuple((to_text(name), _whole(at)) for name, at in pairs)
        )

    def snapshot(self) -> Snapshot:
        """Everything, of one moment."""
        keys = PackedKeys.of(*self._entries, *self._tables, self._keys.cron_version, self._keys.daemons)
        return _snapshot(self._ask(ScriptCall(SNAPSHOT, keys)))

    def publish(self, declaration: Declaration) -> bool:
        """Declare what a life's application has in code; whether that is news."""
        keys = PackedKeys.of(*self._tables, self._keys.cron_version)
        own = declaration
        arguments = (own.life, own.app, own.release, *table_text(own.entries))
        return bool(self._ask(ScriptCall(PUBLISH, keys, arguments)))

    def change(self, seen: Snapshot, changes: Iterable[Change]) -> bool:
        """Make changes that were decided on what was seen; False where somebody else has changed something since."""
        arguments: list[Argument] = [seen.version]
        for change in changes:
            arguments += _arguments(change)
        keys = PackedKeys.of(*self._entries, *self._tables, self._keys.cron_version)
        return bool(self._ask(ScriptCall(CHANGE, keys, arguments)))

    def fire(self, ticks: Sequence[Fire]) -> list[str]:
        """Carry out ticks; for each DONE, STALE, EARLY, or why its queue takes no jobs."""
        replies = self._link.run_scripts([self._fire(each) for each in ticks]) if ticks else []
        return [_good(reply).decode(errors="replace") for reply in replies]

    def run(self, name: str, text: str, *, queue: str, payload: bytes) -> bool:
        """Enqueue an entry's job now; False where the entry is another meanwhile."""
        keys = PackedKeys.of(
            self._keys.cron, self._keys.cron_runs, self._keys.queues, self._keys.queue(queue)
        )
        return bool(self._ask(ScriptCall(RUN, keys, (name, text, queue, payload))))

    def _fire(self, tick: Fire) -> ScriptCall:
        keys = PackedKeys.of(
            self._keys.cron_next,
            self._keys.cron_runs,
            self._keys.cron_version,
            self._keys.queues,
            self._keys.queue(tick.queue),
        )
        dues = " ".join(map(str, tick.due))
        facts: tuple[Argument, ...] = (
            tick.name, tick.version, tick.seen, _or_none(tick.next), tick.queue, dues, *tick.payloads
        )  # fmt: skip
        return ScriptCall(FIRE, keys, facts)

    def _ask(self, call: ScriptCall) -> Any:
        return _good(self._link.run_scripts([call])[0])


def _arguments(change: Change) -> tuple[Argument, ...]:
    match change:
        case Put():
            return "put", change.name, _or_none(change.seen), change.text, _or_none(change.next)
        case Move():
            return "move", change.name, _or_none(change.seen), "", _or_none(change.next)
        case Remove():
            return "remove", change.name, "", "", ""
        case Forget():
            return "forget", change.life, "", "", ""
        case Pause():
            return "pause", change.name, "", json.dumps({"by": change.paused.by, "at": change.paused.at}), ""
        case Resume():
            return "resume", change.name, "", "", _or_none(change.next)


def _or_none(moment: int | None) -> Argument:
    return "" if moment is None else moment


def _good(reply: Reply) -> Any:
    if isinstance(reply, ServerError):
        raise judge(reply)
    return reply


def _whole(score: bytes) -> int:
    return int(float(score))


def _pairs(flat: list[bytes]) -> dict[str, str]:
    return {to_text(name): to_text(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _snapshot(reply: list[Any]) -> Snapshot:
    now, version, entries, nexts, runs, paused, tables, texts, living = reply
    known: dict[str, Entry] = {}
    unreadable: dict[str, str] = {}
    raw = _pairs(entries)
    for name, text in raw.items():
        try:
            known[name] = Entry.from_json(name, text)
        except ValueError as error:
            unreadable[name] = str(error)
    return Snapshot(
        version=version.decode(),
        now=now,
        entries=known,
        texts=raw,
        unreadable=unreadable,
        states=_states(raw, _pairs(nexts), _pairs(runs), _pairs(paused)),
        tables=tuple(_tables(_pairs(tables), _pairs(texts), {to_text(life) for life in living})),
    )


def _states(
    names: Iterable[str], nexts: dict[str, str], runs: dict[str, str], paused: dict[str, str]
) -> dict[str, State]:
    states = {}
    for name in names:
        last, *latest = (runs.get(name) or "-").split()
        states[name] = State(
            next=int(float(nexts[name])) if name in nexts else None,
            last=_moment(last),
            runs=tuple(Run(_moment(due), int(at)) for due, _, at in (each.partition("@") for each in latest)),
            paused=_paused(paused[name]) if name in paused else None,
        )
    return states


def _moment(text: str) -> int | None:
    return None if text == "-" else int(text)


def _paused(text: str) -> Paused:
    try:
        facts = json.loads(text)
        return Paused(str(facts["by"]), int(facts["at"]))
    except (ValueError, TypeError, KeyError):
        return Paused("somebody", 0)


def _tables(tables: dict[str, str], texts: dict[str, str], living: set[str]) -> Iterable[Table]:
    for life, facts in tables.items():
        head, _, app = facts.partition(";")
        started, digest, release = [*head.split(" "), "", ""][:3]
        try:
            entries = {str(name): str(text) for name, text in json.loads(texts.get(digest, "{}")).items()}
            yield Table(life, app, release, entries, int(started), life in living)
        except (ValueError, AttributeError):
            continue  # a newer release's
