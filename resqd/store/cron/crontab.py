"""The timetable as people look at it and change it: by commands and pages. Each act holds whole or not at all."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resqd.cron.entry import Entry
from resqd.cron.tables import Change, Pause, Paused, Remove, Resume, Snapshot, State, put
from resqd.cron.ticks import first
from resqd.errors import CronError, StoreUnavailable
from resqd.store.cron.timetable import Lending, Timetable
from resqd.store.resque import encoding

if TYPE_CHECKING:
    from collections.abc import Callable

    from resqd.store.keys import Keys
    from resqd.store.redis.links import Links

_TRIES: Final = 50
"""How often an act is decided anew because somebody else has changed the timetable meanwhile."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry for people. `entry` is None, and `trouble` says why, for what another release has written.

    `declared`: living daemons have it in code, so it comes again where it is removed.
    """

    name: str
    entry: Entry | None
    trouble: str
    state: State
    declared: bool


class Crontab:
    """Threads may share it. Every method may raise a StoreError; acts raise CronError where they cannot be."""

    def __init__(self, links: Links, keys: Keys) -> None:
        self._timetable = Timetable(Lending(links), keys)

    def entries(self) -> list[Listed]:
        """All entries, by name."""
        return listed(self._timetable.snapshot())

    def upcoming(self, count: int, name: str | None = None) -> list[tuple[int, str]]:
        """The next times in their order, in seconds since 1970, of all entries or of one; those paused have none."""
        seen = self._timetable.snapshot()
        names = seen.entries if name is None else [_known(seen, name).name]
        times = [
            (at, each) for each in names for at in _times(seen.entries[each], seen.state(each).next, count)
        ]
        return sorted(times)[:count]

    def add(self, entry: Entry) -> State:
        """Enter an entry at run time, in place of one of that name that was added so too; its state."""

        def decide(seen: Snapshot) -> list[Change]:
            if entry.name in seen.unreadable:
                raise CronError(f"{entry.name}: {seen.unreadable[entry.name]}")
            before = seen.entries.get(entry.name)
            if before is not None and before.app is not None:
                raise CronError(
                    f"{entry.name} belongs to the application {before.app}, which declares it in code"
                )
            return [put(seen, entry, entry.to_json())]

        self._act(decide)
        return self._timetable.snapshot().state(entry.name)

    def remove(self, name: str) -> None:
        """Take an entry away. One that a living daemon declares would come again, and is refused."""

        def decide(seen: Snapshot) -> list[Change]:
            if name not in seen.texts:
                raise _unknown(seen, name)
            tables = seen.declared_by(name)
            if tables:
                raise CronError(
                    f"{name} is declared in the code of {tables[-1].app}; remove it there, or pause it"
                )
            return [Remove(name)]

        self._act(decide)

    def pause(self, name: str, *, by: str) -> None:
        """Let it not be due until it is resumed, also over deployments. What is due meanwhile is not made up for."""

        def decide(seen: Snapshot) -> list[Change]:
            paused = seen.state(_known(seen, name).name).paused
            return [] if paused else [Pause(name, Paused(by, seen.now))]

        self._act(decide)

    def resume(self, name: str) -> None:
        """Let it be due again, from now on."""

        def decide(seen: Snapshot) -> list[Change]:
            entry, state = _known(seen, name), seen.state(name)
            if state.paused is None:
                return []
            return [Resume(name, first(entry.schedule, now=seen.now, last=state.last))]

        self._act(decide)

    def run(self, name: str) -> str:
        """Enqueue its job now; its times stay as they are. The job's id."""
        for _ in range(_TRIES):
            seen = self._timetable.snapshot()
            entry = _known(seen, name)
            job_id = f"cron:{name}:run-{secrets.token_hex(8)}"
            raw = encoding.encode(entry.job_class, entry.args, id=job_id, enqueued_at=time.time())
            if self._timetable.run(name, seen.texts[name], queue=entry.queue, payload=raw):
                return job_id
        raise _restless()

    def _act(self, decide: Callable[[Snapshot], list[Change]]) -> None:
        for _ in range(_TRIES):
            seen = self._timetable.snapshot()
            changes = decide(seen)
            if not changes or self._timetable.change(seen, changes):
                return
        raise _restless()


def listed(seen: Snapshot) -> list[Listed]:
    """What a snapshot shows people."""
    return [
        Listed(
            name,
            seen.entries.get(name),
            seen.unreadable.get(name, ""),
            seen.state(name),
            bool(seen.declared_by(name)),
        )
        for name in sorted(seen.texts)
    ]


def _times(entry: Entry, start: int | None, count: int) -> list[int]:
    times: list[int] = []
    at = start
    while at is not None and len(times) < count:
        times.append(at)
        at = entry.schedule.next_after(at)
    return times


def _known(seen: Snapshot, name: str) -> Entry:
    if name in seen.unreadable:
        raise CronError(f"{name}: {seen.unreadable[name]}")
    if name not in seen.entries:
        raise _unknown(seen, name)
    return seen.entries[name]


def _unknown(seen: Snapshot, name: str) -> CronError:
    names = ", ".join(sorted(seen.texts)[:10])
    return CronError(f"there is no cron entry {name!r}" + (f"; there are {names}" if names else ""))


def _restless() -> StoreUnavailable:
    return StoreUnavailable(f"the timetable changed {_TRIES} times in a row under our hands; try again")
