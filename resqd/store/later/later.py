"""The place of jobs that are to run later, as Redis holds it: to put them there, move, look at and change them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from resqd.store.debts import PAYING, Debt, Debts, arguments_of, keys_of, owed_by
from resqd.store.keys import Keys
from resqd.store.names import is_name, to_bytes, to_text
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall

if TYPE_CHECKING:
    from resqd.store.redis.link import Link
    from resqd.store.redis.links import Links

_LIBRARIES: Final = ("inflight/entries", "clock", "later/later")
PUT: Final = Script.load("later/put", *_LIBRARIES)
PUT_ONE: Final = Script.load("later/put_one", "clock")
PROMOTE: Final = Script.load("later/promote", *_LIBRARIES)
CHANGE: Final = Script.load("later/change", *_LIBRARIES)
CANCEL: Final = Script.load("later/cancel", *_LIBRARIES, *PAYING)
HEADS: Final = Script.load("later/heads", "inflight/entries")

MICRO: Final = 1_000_000
"""Microseconds in a second; moments are kept in them."""
CHUNK: Final = 500
"""Jobs in one call, and BYTES of them: Redis serves nobody else meanwhile."""
AT_ONCE: Final = 200
"""Jobs that are moved in one call: it takes them apart, so each costs more than where they are put."""
BYTES: Final = 1 << 20
PUT_OFF: Final = 5.0
"""Seconds by which a job is put off whose queue does not take it, since its key is of another type."""
_MOST_LOOKS: Final = 100_000
"""Bounds how often jobs are looked at anew that change while they are cancelled."""
_KNOWN: Final = 1_000
"""Queues whose lists are named beforehand; a script asks for those that it misses."""


@dataclass(frozen=True, slots=True)
class When:
    """A moment: so many microseconds from Redis's now on, or since 1970."""

    relative: bool
    micros: int

    @classmethod
    def after(cls, seconds: float) -> When:
        """In so many seconds."""
        return cls(True, max(0, round(seconds * MICRO)))

    @classmethod
    def at(cls, timestamp: float) -> When:
        """At a time in seconds since 1970."""
        return cls(False, max(0, round(timestamp * MICRO)))

    @property
    def word(self) -> str:
        """How the scripts call it."""
        return "in" if self.relative else "at"


class Waiting(NamedTuple):
    """One job that is to run later; `due` in seconds since 1970, `raw` is its payload."""

    ticket: str
    due: float
    queue: str
    raw: bytes


class Promoted(NamedTuple):
    """What a promotion did. `left` is how many seconds until the next job is due; None where there is none.

    `now` is Redis's time in seconds since 1970.
    """

    moved: int
    refused: int
    left: float | None
    now: float


class Schedule:
    """For producers, who put jobs; over borrowed connections, from any thread."""

    def __init__(self, links: Links, keys: Keys) -> None:
        self._links = links
        self._keys = PackedKeys.of(keys.later, keys.later_jobs)

    def put(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        """Put jobs, given by id and payload, that are due at one moment, in their order; their tickets.

        Errors: StoreError; those of chunks before it are put.
        """
        if when.relative and isinstance(jobs, list) and len(jobs) == 1:
            [(job_id, raw)] = jobs
            if self._put_one(queue, job_id, raw, when):
                return [job_id]
        tickets: list[str] = []
        for chunk in _chunks(jobs):
            arguments: list[Argument] = [when.word, when.micros, queue]
            for job_id, raw in chunk:
                arguments += (job_id, raw)
            call = ScriptCall(PUT, self._keys, arguments)
            reply = self._links.lend(lambda link, call=call: link.run_script(call))  # type: ignore[misc] # bound now
            tickets += map(to_text, reply)
        return tickets

    def _put_one(self, queue: str, job_id: str, raw: bytes, when: When) -> bool:
        """Whether a job could be put under its id, at the very moment."""
        name = to_bytes(queue)
        call = ScriptCall(PUT_ONE, self._keys, (when.micros, job_id, b"%d:%b%b" % (len(name), name, raw)))
        return bool(self._links.run_one(call))


class Later:
    """For who moves, looks at and changes them, over a link of its owner's."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self._lists: dict[bytes, None] = {}  # of the queues that jobs went to lately

    def promote(self) -> Promoted:
        """Move up to AT_ONCE jobs that are due to the ends of their queues, in the order in which they are due.

        Errors: StoreError. Whoever else does so at the same time gets others.
        """
        call = partial(self._call, PROMOTE, [self._keys.later, self._keys.later_jobs, self._keys.queues])
        facts: list[Argument] = [self._keys.queue_prefix, AT_ONCE, BYTES, round(PUT_OFF * MICRO)]
        moved, refused, left, now = self._run(lambda named: call(named, facts))
        return Promoted(moved, refused, None if int(left) < 0 else int(left) / MICRO, int(now) / MICRO)

    def first(self) -> float | None:
        """When the first is due, in seconds since 1970; None where there is none. Errors: StoreError."""
        found = self._link.call("ZRANGE", self._keys.later, 0, 0, "WITHSCORES")
        return float(found[1]) / MICRO if found else None

    def count(self) -> int:
        """How many there are. Errors: StoreError."""
        return int(self._link.call("ZCARD", self._keys.later))

    def cancel(self, tickets: Sequence[str]) -> int:
        """Take jobs away; how many were there. Errors: StoreError."""
        gone, left = 0, list(tickets)
        for _ in range(_MOST_LOOKS):
            if not left:
                break
            chunk, left = left[:CHUNK], left[CHUNK:]
            number, *others = self._link.run_script(self._cancel_call(chunk))
            gone += number
            left += map(to_text, others)  # jobs that came under these tickets since they were looked at
        return gone

    def _cancel_call(self, tickets: Sequence[str]) -> ScriptCall:
        keys = self._keys
        heads = self._link.run_script(ScriptCall(HEADS, PackedKeys.of(keys.later_jobs), tickets))
        owed: list[Debt] = []
        arguments: list[Argument] = []
        for ticket, head, digest in zip(tickets, heads[::2], heads[1::2], strict=True):
            debts = _owed(head)
            owed += debts
            arguments += (ticket, digest, *arguments_of(debts, keys))
        packed = PackedKeys.of(keys.later, keys.later_jobs, keys.later_attempts, *keys_of(owed, keys))
        return ScriptCall(CANCEL, packed, arguments)

    def run_now(self, tickets: Sequence[str]) -> int:
        """Move jobs to the fronts of their queues; how many went, since a queue may refuse. Errors: StoreError."""
        return self._change("run", 0, tickets)[0]

    def move(self, tickets: Sequence[str], when: When) -> int:
        """Let jobs be due at another moment; how many were there. Errors: StoreError."""
        return self._change(when.word, when.micros, tickets)[0]

    def get(self, ticket: str) -> Waiting | None:
        """One job; None where there is none of that ticket. Errors: StoreError."""
        due, entry = self._link.pipeline(
            [("ZSCORE", self._keys.later, ticket), ("HGET", self._keys.later_jobs, ticket)]
        )
        return _waiting(ticket, due, entry) if isinstance(entry, bytes) and isinstance(due, bytes) else None

    def attempts(self, job_id: str) -> list[dict[str, Any]]:
        """What is kept of the last tries of a job that failed, the oldest first. Errors: StoreError."""
        kept = self._link.call("HGET", self._keys.later_attempts, job_id) if is_name(job_id) else None
        try:
            found = json.loads(kept or b"[]")
        except ValueError:
            return []
        return found if isinstance(found, list) else []

    def page(self, start: int, count: int) -> list[Waiting]:
        """Up to `count` jobs from position `start` on, the first due first. Errors: StoreError."""
        found = self._link.call("ZRANGE", self._keys.later, start, start + count - 1, "WITHSCORES")
        tickets, dues = found[::2], found[1::2]
        if not tickets:
            return []
        entries = self._link.call("HMGET", self._keys.later_jobs, *tickets)
        return [
            _waiting(to_text(ticket), due, entry)
            for ticket, due, entry in zip(tickets, dues, entries, strict=True)
            if entry is not None
        ]

    def all(self) -> Iterator[Waiting]:
        """Each job, the first due first; what comes or goes meanwhile may be missed. Errors: StoreError."""
        after = "-inf"
        while True:
            found = self._link.call(
                "ZRANGE", self._keys.later, after, "+inf", "BYSCORE", "LIMIT", 0, CHUNK, "WITHSCORES"
            )
            tickets, dues = found[::2], found[1::2]
            if not tickets:
                return
            entries = self._link.call("HMGET", self._keys.later_jobs, *tickets)
            for ticket, due, entry in zip(tickets, dues, entries, strict=True):
                if entry is not None:
                    yield _waiting(to_text(ticket), due, entry)
            after = f"({to_text(dues[-1])}"

    def _change(self, act: str, micros: int, tickets: Sequence[str]) -> tuple[int, list[str]]:
        keys = [self._keys.later, self._keys.later_jobs, self._keys.queues]
        changed, kept = 0, list[str]()
        for start in range(0, len(tickets), CHUNK):
            facts: list[Argument] = [act, self._keys.queue_prefix, micros, *tickets[start : start + CHUNK]]
            reply = self._run(lambda named, facts=facts: self._call(CHANGE, keys, named, facts))  # type: ignore[misc] # bound now
            changed += reply[0]
            kept += map(to_text, reply[1])
        return changed, kept

    def _run(self, call: Callable[[Sequence[str | bytes]], ScriptCall]) -> Any:
        """The reply to a script whose queues are known from its entries only; those that it names are remembered."""

        def remembering(named: Sequence[str | bytes]) -> ScriptCall:
            if len(self._lists) + len(named) > _KNOWN:
                self._lists.clear()
            self._lists.update(
                dict.fromkeys(each if isinstance(each, bytes) else to_bytes(each) for each in named)
            )
            return call(named)

        return self._link.run_naming(remembering, list(self._lists))

    @staticmethod
    def _call(
        script: Script, keys: Sequence[str], named: Sequence[str | bytes], facts: Sequence[Argument]
    ) -> ScriptCall:
        return ScriptCall(script, PackedKeys.of(*keys, *named), facts)


def _chunks(jobs: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    chunk: list[tuple[str, bytes]] = []
    size = 0
    for job in jobs:
        chunk.append(job)
        size += len(job[1])
        if len(chunk) >= CHUNK or size >= BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _owed(head: bytes) -> Debts:
    """The debts of an entry, by its beginning; of an empty one none."""
    length, _, rest = head.partition(b":")
    return owed_by(rest[int(length) :]) if rest else ()


def _waiting(ticket: str, due: bytes, entry: bytes) -> Waiting:
    """An entry is LENGTH:QUEUE followed by the payload."""
    length, _, rest = entry.partition(b":")
    size = int(length)
    return Waiting(ticket, float(due) / MICRO, to_text(rest[:size]), rest[size:])
