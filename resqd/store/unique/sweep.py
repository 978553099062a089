"""Finds locks whose jobs are nowhere any more: taken away by others, in ways that resqd cannot see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from resqd.store.debts import owed_by
from resqd.store.gates.calls import Parked
from resqd.store.inflight.incarnation import of_life
from resqd.store.inflight.tokens import split_entry
from resqd.store.keys import Keys
from resqd.store.names import to_text
from resqd.store.redis.protocol import PackedKeys, ScriptCall
from resqd.store.unique.locks import RELEASE, each_lock, since_of

if TYPE_CHECKING:
    from resqd.store.redis.link import Link

_CHUNK: Final = 500
_HOLDERS: Final = ("unique", "start")


class Sweep:
    """Looks through all places, a step at a time: each `next` of an iterator reads some hundred jobs.

    Each method may raise a StoreError; what was begun is to be begun anew then.
    """

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys

    def claim(self, owner: str, seconds: int) -> bool:
        """Whether this daemon is to sweep now: one of all, every so many seconds."""
        return self._link.claim(self._keys.unique_sweep, owner, seconds, daemons=self._keys.daemons)

    def old(self, age: float) -> dict[bytes, bytes]:
        """The locks that jobs hold which were to run more than `age` seconds ago: by fingerprint, as they stand."""
        now = int(self._link.call("TIME")[0])
        return {
            fingerprint: lock
            for fingerprint, lock in each_lock(self._link, self._keys)
            if since_of(lock) < now - age
        }

    def scan(self, absent: dict[bytes, bytes]) -> Iterator[None]:
        """Go through all places, and take those locks out of `absent` whose jobs are there."""
        return self.walk(partial(_strike, absent))

    def walk(self, see: Callable[[bytes], None]) -> Iterator[None]:
        """Go through all places, and let `see` each payload.

        What is in flight is read first and last, since jobs move between it and the other places.
        """
        parked = self._parked
        places = (self._in_flight, self._later, parked, self._queues, self._suspects, parked, self._in_flight)
        for place in places:
            for raws in place():
                for raw in raws:
                    see(raw)
                yield

    def release(self, locks: dict[bytes, bytes]) -> int:
        """Release these, where they are still as they were; how many went."""
        keys = PackedKeys.of(self._keys.unique, self._keys.unique_windows)
        facts = [part for pair in locks.items() for part in pair]
        return int(self._link.run_script(ScriptCall(RELEASE, keys, facts))) if facts else 0

    def _in_flight(self) -> Iterator[list[bytes]]:
        for daemon in self._daemons():
            for incarnation in self._link.call("HKEYS", self._keys.index(daemon)):
                yield from self._entries(self._keys.inflight(daemon, to_text(incarnation)))

    def _later(self) -> Iterator[list[bytes]]:
        return self._entries(self._keys.later_jobs)

    def _parked(self) -> Iterator[list[bytes]]:
        cursor = b"0"
        while True:
            cursor, flat = self._link.call("HSCAN", self._keys.parked, cursor, "COUNT", _CHUNK)
            yield [Parked.read("", value).raw for value in flat[1::2]]
            if cursor == b"0":
                return

    def _queues(self) -> Iterator[list[bytes]]:
        for name in self._link.call("SMEMBERS", self._keys.queues):
            yield from self._list(self._keys.queue(to_text(name)))

    def _suspects(self) -> Iterator[list[bytes]]:
        for daemon in self._daemons():
            for entries in self._list(self._keys.suspects(daemon)):
                yield list(map(_payload, entries))

    def _daemons(self) -> list[str]:
        lives = self._link.call("HKEYS", self._keys.daemons)
        return sorted({of_life(to_text(life))[0] for life in lives})

    def _entries(self, key: str) -> Iterator[list[bytes]]:
        cursor = b"0"
        while True:
            cursor, flat = self._link.call("HSCAN", key, cursor, "COUNT", _CHUNK)
            fields = zip(flat[::2], flat[1::2], strict=True)
            yield [_payload(entry) for field, entry in fields if not field.startswith(b"!")]
            if cursor == b"0":
                return

    def _list(self, key: str) -> Iterator[list[bytes]]:
        # From the tail, since workers pop at the head meanwhile: positions counted from there would skip jobs.
        if self._link.call("TYPE", key) != b"list":
            return
        end = -1
        while found := self._link.call("LRANGE", key, end - _CHUNK + 1, end):
            yield found
            end -= _CHUNK


def _payload(entry: bytes) -> bytes:
    try:
        return split_entry(entry)[1]
    except ValueError:
        return b""


def _strike(absent: dict[bytes, bytes], raw: bytes) -> None:
    for debt in owed_by(raw):
        if debt.kind in _HOLDERS:
            fingerprint, _, ticket = debt.member.encode("utf-8", "surrogateescape").partition(b" ")
            if absent.get(fingerprint, b"").partition(b" ")[2] == ticket:
                del absent[fingerprint]
