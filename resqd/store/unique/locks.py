"""Puts unique jobs, each with its lock in one step; lists the locks, and releases them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from resqd.store.debts import PAYING, Debts, arguments_of, keys_of, owed_by
from resqd.store.keys import Keys
from resqd.store.later.later import BYTES, CHUNK, MICRO, When
from resqd.store.names import to_text
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall

if TYPE_CHECKING:
    from resqd.store.redis.link import Link
    from resqd.store.redis.links import Links

PUT: Final = Script.load("unique/put", *PAYING, "unique/locks")
RELEASE: Final = Script.load("unique/release")


class Claim(NamedTuple):
    """A job with the lock that it must get."""

    fingerprint: str
    ticket: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Terms:
    """What becomes of a conflict, and in microseconds the window (0: none) and how long a lock holds at the most."""

    on_conflict: Literal["skip", "replace", "raise"]
    window: int
    max_hold: int

    @classmethod
    def of(cls, on_conflict: Literal["skip", "replace", "raise"], window: float, max_hold: float) -> Terms:
        """These terms, with times in seconds."""
        return cls(on_conflict, round(window * MICRO), round(max_hold * MICRO))

    def listed(self) -> tuple[str, int, int]:
        """The same as plain values, in the order of the fields."""
        return self.on_conflict, self.window, self.max_hold


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock: `ticket` is the job's id and `since` when it was to run, in seconds since 1970.

    In a window nobody holds it, and `until` says when that ends.
    """

    fingerprint: str
    ticket: str = ""
    since: float | None = None
    until: float | None = None


class Locks:
    """Over borrowed connections, from any thread. Each method may raise a StoreError."""

    def __init__(self, links: Links, keys: Keys) -> None:
        self._links = links
        self._keys = keys

    def put(
        self,
        queue: str,
        claims: Sequence[Claim],
        terms: Terms,
        *,
        when: When | None = None,
        front: bool = False,
    ) -> list[str | None]:
        """Put jobs that get their locks; for each None, or the ticket of the one that stands in the way.

        "" is a window. Where conflicts are to be raised the first one ends the list. What goes to the front goes in one
        call, however much it is, so that the order stays.
        """
        held: list[str | None] = []
        replaced: tuple[str, Debts] = ("", ())
        while len(held) < len(claims):
            left = claims[len(held) :] if front else _chunk(claims, len(held))
            how = (when.word, when.micros) if when else ("front" if front else "push", 0)
            call = self._call([*how, queue, *terms.listed()], left, replaced)
            results, pending = self._links.lend(lambda link, call=call: link.run_script(call))  # type: ignore[misc] # bound now
            held += [None if found == 0 else to_text(found) for found in results]
            replaced = (to_text(pending[1]), _owed(pending[0])) if pending else ("", ())
            if terms.on_conflict == "raise" and held and held[-1] is not None:
                break
        return held

    def _call(
        self, facts: list[Argument], claims: Sequence[Claim], replaced: tuple[str, Debts]
    ) -> ScriptCall:
        keys, (digest, debts) = self._keys, replaced
        packed = PackedKeys.of(
            keys.unique,
            keys.unique_windows,
            keys.later,
            keys.later_jobs,
            keys.later_attempts,
            keys.queues,
            keys.queue(str(facts[2])),
            *keys_of(debts, keys),
        )
        facts = [*facts, digest, *arguments_of(debts, keys)]
        for claim in claims:
            facts += claim
        return ScriptCall(PUT, packed, facts)

    def all(self) -> list[Lock]:
        """All locks, the oldest first, then the windows."""
        return self._links.lend(lambda link: [*self._held(link), *self._windows(link)])

    def some(self, most: int) -> list[Lock]:
        """So many locks and windows, in no order but that windows come last: within bounds, however many there are."""

        def read(link: Link) -> list[Lock]:
            found: list[Lock] = []
            cursor: Any = b"0"
            while len(found) < most:
                cursor, flat = link.call("HSCAN", self._keys.unique, cursor, "COUNT", most)
                found += [_lock(*pair) for pair in zip(flat[::2], flat[1::2], strict=True)]
                if cursor == b"0":
                    break
            flat = link.call("ZRANGE", self._keys.unique_windows, 0, most - 1, "WITHSCORES")
            found += [
                Lock(to_text(member), until=float(score) / MICRO)
                for member, score in zip(flat[::2], flat[1::2], strict=True)
            ]
            return found[:most]

        return self._links.lend(read)

    def counts(self) -> tuple[int, int]:
        """How many locks and windows there are."""
        keys = self._keys
        return self._links.lend(
            lambda link: (link.call("HLEN", keys.unique), link.call("ZCARD", keys.unique_windows))
        )

    def find(self, fingerprint: str) -> Lock | None:
        """The lock, or window, of that fingerprint."""

        def read(link: Link) -> Lock | None:
            lock = link.call("HGET", self._keys.unique, fingerprint)
            until = link.call("ZSCORE", self._keys.unique_windows, fingerprint)
            if lock is not None:
                return _lock(fingerprint.encode(), lock)
            return None if until is None else Lock(fingerprint, until=float(until) / MICRO)

        return self._links.lend(read)

    def release_one(self, lock: Lock) -> bool:
        """Release a lock, or a window, if it is still what was seen."""

        def act(link: Link) -> bool:
            seen = link.call("HGET", self._keys.unique, lock.fingerprint)
            if _holds(seen) != lock.ticket:
                return False
            call = ScriptCall(
                RELEASE,
                PackedKeys.of(self._keys.unique, self._keys.unique_windows),
                [lock.fingerprint, seen or ""],
            )
            return bool(link.run_script(call))

        return self._links.lend(act)

    def _held(self, link: Link) -> list[Lock]:
        locks = [_lock(*pair) for pair in each_lock(link, self._keys)]
        return sorted(locks, key=lambda lock: (lock.since or 0.0, lock.fingerprint))

    def _windows(self, link: Link) -> Iterator[Lock]:
        flat = link.call("ZRANGE", self._keys.unique_windows, 0, -1, "WITHSCORES")
        for member, score in zip(flat[::2], flat[1::2], strict=True):
            yield Lock(to_text(member), until=float(score) / MICRO)

    def release(self, names: Sequence[str]) -> int:
        """Release locks and windows by their fingerprints, or the ids of the jobs that hold them; how many went."""
        fingerprints = [
            lock.fingerprint for lock in self.all() if {lock.fingerprint, lock.ticket} & set(names)
        ]
        facts: list[Argument] = [part for each in fingerprints for part in (each, "")]
        call = ScriptCall(RELEASE, PackedKeys.of(self._keys.unique, self._keys.unique_windows), facts)
        return int(self._links.lend(lambda link: link.run_script(call)))


def each_lock(link: Link, keys: Keys) -> Iterator[tuple[bytes, bytes]]:
    """The locks as they stand in Redis, in no order: fingerprint, and SINCE TICKET. Errors: StoreError."""
    cursor: Any = b"0"
    while True:
        cursor, flat = link.call("HSCAN", keys.unique, cursor, "COUNT", CHUNK)
        yield from zip(flat[::2], flat[1::2], strict=True)
        if cursor == b"0":
            return


def since_of(lock: bytes) -> float:
    """Since when, in seconds since 1970; 0 for what is no lock of ours."""
    since = lock.partition(b" ")[0]
    return int(since) / MICRO if since.isdigit() else 0.0


def _lock(fingerprint: bytes, lock: bytes) -> Lock:
    return Lock(to_text(fingerprint), to_text(lock.partition(b" ")[2]), since_of(lock))


def _holds(lock: bytes | None) -> str:
    return "" if lock is None else to_text(lock.partition(b" ")[2])


def _chunk(claims: Sequence[Claim], start: int) -> Sequence[Claim]:
    size = 0
    for at in range(start, min(len(claims), start + CHUNK)):
        size += len(claims[at].raw)
        if size > BYTES and at > start:
            return claims[start:at]
    return claims[start : start + CHUNK]


def _owed(entry: bytes) -> Debts:
    length, _, rest = entry.partition(b":")
    return owed_by(rest[int(length) :]) if length.isdigit() else ()
