"""Each daemon's rows put into Redis; and all of them merged by one daemon, into minutes, hours and days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from resqd.store.history.row import Row, encode, merged, readable
from resqd.store.history.spans import DAY, FINER, HOUR, MINUTE, dropped, start, tasks
from resqd.store.names import number
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall, ServerError, judge

if TYPE_CHECKING:
    from resqd.store.keys import Keys
    from resqd.store.redis.link import Link

COMMIT: Final = Script.load("history/commit")
REIGN: Final = 40
"""Seconds for which who has won merges alone: less than a minute, so that the next minute finds the lock free."""
LATEST: Final = HOUR
"""Seconds after which a daemon's row comes too late: of what was merged then, parts may be dropped soon."""
REMEMBERED: Final = 600
"""Seconds for which a merged row's name is kept, empty: who had no answer puts his row again, and it counts once."""
_ROWS, _FIRST = 2, 3
_SPANS: Final = (MINUTE, HOUR, DAY)


class Merger:
    """One daemon's part in it; no other process has its `author`.

    Every method may raise a StoreError, and may then be called again.
    """

    def __init__(self, link: Link, keys: Keys, *, author: str) -> None:
        self._link = link
        self._author = author
        self._lock = keys.history_merger
        self._daemons = keys.daemons
        self._rows = keys.history_rows
        self._kept = {span: keys.history(span) for span in _SPANS}
        self._keys = PackedKeys.of(self._lock, self._rows, *self._kept.values())

    def put(self, minute: int, row: Row) -> None:
        """Add this daemon's row of a minute, by its first second; a second one of the same minute is ignored."""
        replies = self._link.pipeline(
            [
                ("HSETNX", self._rows, f"{minute}:{self._author}", encode(row)),
                ("EXPIRE", self._rows, 2 * LATEST),
            ]
        )
        for reply in replies:
            if isinstance(reply, ServerError):
                raise judge(reply)

    def reign(self, token: str) -> bool:
        """Whether it falls to this daemon to merge now; `token` is new for each call."""
        return self._link.claim(self._lock, token, REIGN, daemons=self._daemons)

    def merge(self, token: str, *, sample: Row, now: float) -> bool:
        """Merge what there is, with `sample` of the minute that has ended last; `now` in seconds since 1970.

        False where another has taken over meanwhile: then nothing was changed.
        """
        found = self._link.call("HGETALL", self._rows)
        waiting = _by_minute(dict(zip(found[::2], found[1::2], strict=True)), now)
        rows = defaultdict(list, waiting.rows)
        if not sample.blank:
            rows[start(now, MINUTE) - MINUTE].append(sample)
        before = self._read(MINUTE, rows)
        made = {MINUTE: {at: merged([*before.get(at, []), *each]) for at, each in rows.items()}}
        commands: list[Argument] = []
        for field in waiting.taken:
            commands += [_ROWS, "put", field, b""]
        for field in waiting.forgotten:
            commands += [_ROWS, "drop", field, b""]
        commands += self._longer(made, now)
        done: int = self._link.run_script(ScriptCall(COMMIT, self._keys, [token, *commands]))
        return done == 1

    def _longer(self, made: dict[int, dict[int, Row]], now: float) -> list[Argument]:
        """The commands that put the minutes, and make of them what longer spans have ended; and drop the old."""
        own = {span: self._fields(key) for span, key in self._kept.items()}
        drops = {MINUTE: dropped(MINUTE, own[MINUTE], now)}
        for span in (HOUR, DAY):
            finer = FINER[span]
            todo = tasks(
                span, finer=own[finer] | set(made[finer]), own=own[span], changed=made[finer], now=now
            )
            drops[span] = todo.drop
            made[span] = {at: self._sum(span, at, made[finer]) for at in todo.make}
        commands: list[Argument] = []
        for place, span in enumerate(_SPANS, _FIRST):
            for at, row in made[span].items():
                commands += [place, "put", at, encode(row)]
            for at in drops[span]:
                commands += [place, "drop", at, b""]
        return commands

    def _sum(self, span: int, at: int, fresh: Mapping[int, Row]) -> Row:
        parts = range(at, at + span, FINER[span])
        stored = self._read(FINER[span], [each for each in parts if each not in fresh])
        return merged(
            [*(row for rows in stored.values() for row in rows), *(fresh[e] for e in parts if e in fresh)]
        )

    def _read(self, span: int, spans: Iterable[int]) -> dict[int, list[Row]]:
        """The rows that are there; in a list of one, or of none where nobody can read it."""
        wanted = list(spans)
        found = self._link.call("HMGET", self._kept[span], *wanted) if wanted else []
        return {at: readable([data]) for at, data in zip(wanted, found, strict=True) if data}

    def _fields(self, key: str) -> set[int]:
        return {at for field in self._link.call("HKEYS", key) if (at := number(field)) is not None}


class _Waiting:
    """Daemons' rows by minute; the fields they came from, and those that need not be remembered any more."""

    def __init__(self) -> None:
        self.rows: dict[int, list[Row]] = {}
        self.taken: list[bytes] = []
        self.forgotten: list[bytes] = []


def _by_minute(fields: Mapping[bytes, bytes], now: float) -> _Waiting:
    waiting = _Waiting()
    for field, data in fields.items():
        minute = number(field.partition(b":")[0])
        if minute is None or minute < now - LATEST or minute > now + DAY or minute % MINUTE:
            waiting.forgotten.append(field)
        elif not data:
            if minute < now - REMEMBERED:
                waiting.forgotten.append(field)
        elif minute + MINUTE <= now:
            waiting.rows.setdefault(minute, []).extend(readable([data]))
            waiting.taken.append(field)
    return waiting
