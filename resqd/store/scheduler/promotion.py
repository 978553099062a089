"""Delayed jobs of resque-scheduler's that are due, moved to their queues; and the lock of whoever moves them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from resqd.store.keys import Keys
from resqd.store.names import number, to_text
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall
from resqd.store.scheduler.keys import SchedulerKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from resqd.store.redis.link import Link

LOOK: Final = Script.load("scheduler/look")
PROMOTE: Final = Script.load("scheduler/promote")
RELEASE: Final = Script.load("scheduler/release")

LOCK_SECONDS: Final = 180
"""How long the lock holds when it is not renewed: what Ruby's scheduler sets."""
BYTES_A_CALL: Final = 1 << 20
MOST_A_CALL: Final = 500
"""Redis serves nobody else during a call."""
_FIRST: Final = 20
PUT_OFF: Final = 5
"""Seconds by which a job is put off whose queue does not take it."""


class Sight(NamedTuple):
    """What a look shows: who holds the lock ('': nobody), for how many seconds yet, and what is due first.

    `first` is that moment in seconds since 1970, `now` Redis's time in the same; both None where nothing is delayed.
    """

    holder: str
    expires_in: float | None
    first: int | None
    now: float | None


@dataclass(frozen=True, slots=True)
class Move:
    """One due job: its bytes in the list, what to push and onto which list; `queue` is '' where it is no queue."""

    payload: bytes
    pushed: bytes
    target: str
    queue: str


class Moved(NamedTuple):
    """What a promotion did. `held_by` is who had the lock meanwhile, so that nothing was done; '' where all is well."""

    moved: int
    refused: int
    left: int
    held_by: str


class Promotion:
    """Speaks to Redis in place of Ruby's scheduler. Every method may raise a StoreError, and may be called again.

    `own` is the name under which the lock is taken; '': it never is, and nothing is done while anybody holds it.
    """

    def __init__(self, *, link: Link, namespace: str, own: str, lock_prefix: str = "") -> None:
        self._link = link
        self._own = own
        self._keys = SchedulerKeys(namespace)
        self._queues = Keys(namespace).queues
        self._lock = self._keys.lock(lock_prefix)
        packed = PackedKeys.of(self._lock, self._keys.schedule)
        self._look = ScriptCall(LOOK, packed, (own, LOCK_SECONDS))
        self._chunk = _FIRST

    def look(self) -> Sight:
        """See what is due first, and who holds the lock: it is taken where it is free, and ours to take."""
        holder, expires, first, seconds, micros = self._link.run_script(self._look)
        return Sight(
            to_text(holder),
            expires / 1_000 if expires >= 0 else None,
            number(first),
            int(seconds) + int(micros) / 1_000_000 if first else None,
        )

    def promote(self, timestamp: int, now: float, judge: Callable[[bytes], Move]) -> Moved:
        """Move up to 500 of the jobs of one moment, in order. `judge` tells what becomes of each payload."""
        payloads: list[bytes] = self._link.call("LRANGE", self._keys.delayed(timestamp), 0, self._chunk - 1)
        moves = [judge(payload) for payload in payloads]
        taken = sum(map(len, payloads)) or 1
        self._chunk = max(
            1, min(MOST_A_CALL, 2 * self._chunk, BYTES_A_CALL * len(payloads) // taken or _FIRST)
        )
        moved, refused, left = self._link.run_script(self._call(timestamp, int(now) + PUT_OFF, moves))
        if moved < 0:
            return Moved(0, 0, 0, to_text(left) or "nobody")
        return Moved(moved, refused, left, "")

    def release(self) -> None:
        """Let go of the lock where it is ours."""
        if self._own:
            self._link.run_script(ScriptCall(RELEASE, PackedKeys.of(self._lock), (self._own,)))

    def _call(self, timestamp: int, later: int, moves: Sequence[Move]) -> ScriptCall:
        keys = self._keys
        fixed: list[str | bytes] = [
            self._lock,
            keys.schedule,
            keys.delayed(timestamp),
            keys.delayed(later),
            self._queues,
        ]
        named = _places(
            [*(move.target for move in moves), *(keys.timestamps(move.payload) for move in moves)]
        )
        arguments: list[Argument] = [self._own, timestamp, later]
        for move in moves:
            target = len(fixed) + named[move.target]
            moments = len(fixed) + named[keys.timestamps(move.payload)]
            arguments += (move.payload, move.pushed, target, move.queue, moments)
        return ScriptCall(PROMOTE, PackedKeys.of(*fixed, *named), arguments)


def _places(names: Iterable[str | bytes]) -> dict[str | bytes, int]:
    """Each name once, with its place from 1 on."""
    return {name: place for place, name in enumerate(dict.fromkeys(names), 1)}
