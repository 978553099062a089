"""Enqueues jobs that recur when they are due, beside all other daemons that do so, and keeps the timetable true."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from resqd import events
from resqd.clock import Clock, Complaints
from resqd.cron.entry import Entry, tick_id
from resqd.cron.tables import Change, Declaration, Move, Put, Remove, Snapshot, reconcile
from resqd.cron.ticks import Ticks, ticks
from resqd.errors import PayloadError
from resqd.store.cron.timetable import DONE, EARLY, LOOK_AT, STALE, Fire, Look, Timetable
from resqd.store.resque import encoding

LOOK_EVERY: Final = 5.0
"""Seconds between two looks while nothing is due: as late may be noticed what was added or resumed at run time."""
LOOK_IN_VAIN: Final = 30.0
"""The same where the namespace has no timetable at all, so that those who never have one pay next to nothing."""
AUDIT_EVERY: Final = 60.0
"""Seconds between two comparisons of the timetable with the tables; half of it more or less, so that hosts spread."""
AGAIN: Final = 0.05
"""Seconds until the next look when another daemon was first, so that all of them do not ask at once."""
PUT_OFF: Final = 5.0
"""Seconds until the next try of an entry whose queue takes no jobs."""
_NOTHING: Final = Snapshot(version="", now=0, entries={}, texts={}, unreadable={})


class Cron:
    """The duty of one daemon; `declaration` is what its application declares. Owned by the keeper's thread.

    `others` reads what it declares besides, which may change at any time.
    """

    def __init__(
        self,
        *,
        timetable: Timetable,
        declaration: Declaration,
        clock: Clock,
        random: Callable[[], float],
        others: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._timetable = timetable
        self._declaration = declaration
        self._own = declaration.entries
        self._others = others
        self._others_at = float("-inf")
        self._clock = clock
        self._random = random
        self._complaints = Complaints(clock)
        self._seen = _NOTHING
        self._audit_at = float("-inf")
        self._put_off: dict[str, float] = {}
        self._wait = 0.0

    def wait(self) -> float:
        """Seconds until the next `tend`, reckoned at the end of the last."""
        return self._wait

    def tend(self) -> None:
        """Enqueue what is due, and see to the timetable where it is time to. May raise a StoreError."""
        if self._others is not None and self._clock() >= self._others_at:
            self._declare({**self._others(), **self._own})
            self._others_at = self._clock() + LOOK_EVERY
        look = self._timetable.look()
        news = look.version != self._seen.version
        if news:
            self._learn()
        nexts = self._fire(look)
        if (news or self._clock() >= self._audit_at) and not self._audit(look, news=news):
            nexts = None
        self._wait = self._until(look, nexts)

    def leave(self) -> None:
        """The daemon ends. Nothing is to be done: a table whose life has no heartbeat is dropped by others."""

    def _declare(self, entries: Mapping[str, str]) -> None:
        if entries != self._declaration.entries:
            self._declaration = replace(self._declaration, entries=entries)
            self._audit_at = float("-inf")

    def _learn(self) -> None:
        self._seen = self._with_us(self._timetable.snapshot())
        for name, reason in self._seen.unreadable.items():
            if self._complaints.due(f"unreadable {name} {reason}"):
                events.Housekeeper.cron_unreadable(entry=name, reason=reason)

    # What is due.

    def _fire(self, look: Look) -> dict[str, int] | None:
        """Enqueue; the next times as they are now, by name, or None where they must be asked for."""
        nexts = dict(look.first)
        due = [name for name, at in look.first if at <= look.now and self._ours(name)]
        plans = {name: self._plan(name, nexts[name], look) for name in due}
        calls = [
            call
            for name, plan in plans.items()
            if (call := self._call(name, nexts[name], plan, look)) is not None
        ]
        known = True
        for call, outcome in zip(calls, self._timetable.fire(calls), strict=True):
            if outcome == DONE:
                self._tell(call, plans[call.name])
                nexts.pop(call.name)
                if call.next is not None:
                    nexts[call.name] = call.next
            elif outcome in (STALE, EARLY):
                known = False
            else:
                self._refused(call, outcome)
        return nexts if known and len(look.first) < LOOK_AT else None

    def _ours(self, name: str) -> bool:
        """Whether this release can carry it out, and need not wait with it."""
        return name in self._seen.entries and self._clock() >= self._put_off.get(name, 0.0)

    def _plan(self, name: str, stored: int, look: Look) -> Ticks:
        entry = self._seen.entries[name]
        return ticks(entry.schedule, entry.misfire, stored=stored, now=int(look.now))

    def _call(self, name: str, stored: int, plan: Ticks, look: Look) -> Fire | None:
        """What carries the ticks out; None for arguments that JSON could hold and a job cannot."""
        entry = self._seen.entries[name]
        try:
            made = tuple(_payload(entry, due, look.now) for due in plan.due)
        except PayloadError as error:
            self._put_off[name] = self._clock() + PUT_OFF
            if self._complaints.due(f"unreadable {name}"):
                events.Housekeeper.cron_unreadable(entry=name, reason=error)
            return None
        return Fire(name, self._seen.version, stored, plan.next, entry.queue, plan.due, made)

    def _tell(self, call: Fire, plan: Ticks) -> None:
        self._put_off.pop(call.name, None)
        if plan.missed:
            since = datetime.fromtimestamp(call.seen, UTC).isoformat(sep=" ")
            misfire = self._seen.entries[call.name].misfire
            events.Housekeeper.cron_missed(entry=call.name, since=since, misfire=misfire, jobs=len(call.due))
        elif call.due:
            events.Housekeeper.cron_ticked(entry=call.name, jobs=len(call.due), queue=call.queue)

    def _refused(self, call: Fire, reason: str) -> None:
        self._put_off[call.name] = self._clock() + PUT_OFF
        if self._complaints.due(f"refused {call.name} {reason}"):
            events.Housekeeper.cron_refused(entry=call.name, queue=call.queue, reason=reason)

    def _until(self, look: Look, nexts: dict[str, int] | None) -> float:
        if nexts is None:
            return AGAIN * (0.5 + self._random())
        now = self._clock()
        waits = [
            max(at - look.now, self._put_off.get(name, 0.0) - now)
            for name, at in nexts.items()
            if name in self._seen.entries
        ]
        often = bool(look.version) or self._others is not None
        return max(0.0, min([LOOK_EVERY if often else LOOK_IN_VAIN, *waits]))

    # What there should be.

    def _audit(self, look: Look, *, news: bool) -> bool:
        """Bring the timetable in line with what living daemons declare; False where that makes it another one.

        `news`: what we know of it is fresh.
        """
        if not look.version and not self._declaration.entries:
            self._audit_at = self._clock() + AUDIT_EVERY
            return True
        if self._declaration.entries and self._timetable.publish(self._declaration):
            self._audit_at = self._clock()
            return False
        if not news:
            self._learn()
        verdict = reconcile(self._seen, self._declaration.app)
        for name, app in verdict.taken.items():
            if self._complaints.due(f"taken {name}"):
                events.Housekeeper.cron_taken(entry=name, app=app)
        if verdict.changes:
            if self._timetable.change(self._seen, verdict.changes):
                _tell_changes(verdict.changes)
            self._audit_at = self._clock()
            return False
        self._audit_at = self._clock() + AUDIT_EVERY * (0.5 + self._random())
        return True

    def _with_us(self, seen: Snapshot) -> Snapshot:
        """Our own life lives, whoever has struck it off meanwhile: its next heartbeat enters it again.

        What it declared before a reload, it declares no longer where there is nothing to declare now.
        """
        own, declares = self._declaration.life, bool(self._declaration.entries)
        tables = tuple(replace(one, living=declares) if one.life == own else one for one in seen.tables)
        return replace(seen, tables=tables)


def _payload(entry: Entry, due: int, now: float) -> bytes:
    """The job of one tick. Errors: PayloadError."""
    return encoding.encode(entry.job_class, entry.args, id=tick_id(entry.name, due), enqueued_at=now)


def _tell_changes(changes: Iterable[Change]) -> None:
    for change in changes:
        match change:
            case Put(name=name, text=text):
                events.Housekeeper.cron_entered(entry=name, schedule=Entry.from_json(name, text).schedule)
            case Remove(name=name):
                events.Housekeeper.cron_removed(entry=name)
            case Move(name=name, seen=int()):
                events.Housekeeper.cron_moved(entry=name)
