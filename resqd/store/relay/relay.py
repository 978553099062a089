"""Puts jobs out of an outbox where they belong, each once, however often it is handed over within a day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from resqd.store.debts import PAYING, owed_by
from resqd.store.keys import Keys
from resqd.store.later.later import BYTES, CHUNK, When
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall
from resqd.store.unique.locks import Claim, Locks, Terms

if TYPE_CHECKING:
    from resqd.store.redis.links import Links

RELAY: Final = Script.load("relay/relay", *PAYING, "unique/locks")
_NO_TERMS: Final = Terms("skip", 0, 0)


class Outcome(IntEnum):
    """What has become of a row."""

    REFUSED = -1
    """Its queue's key is no list, or nothing may be written at present: it is to be handed over again."""
    SEEN = 0
    PUT = 1
    LEFT_OUT = 2
    """Another job has its lock."""
    _NEW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job in an outbox: `key` tells it from all others, `due` is in microseconds since 1970, None: now."""

    key: str
    queue: str
    raw: bytes
    due: int | None = None
    front: bool = False
    ticket: str = ""
    """The name that it shall have while it is to run later, or whose lock it gets."""
    fingerprint: str = ""
    """Of a unique job."""
    terms: Terms = field(default=_NO_TERMS)
    known: bool = True
    """Whether this release knows all that its facts say."""

    def facts(self) -> str:
        """What is no text of its own in the table, as JSON; nothing for most jobs."""
        facts: dict[str, Any] = {}
        if self.due is not None:
            facts["due"] = self.due
        if self.front:
            facts["front"] = True
        if self.ticket:
            facts["ticket"] = self.ticket
        if self.fingerprint:
            terms = self.terms
            facts["unique"] = [self.fingerprint, terms.on_conflict, terms.window, terms.max_hold]
        return json.dumps(facts) if facts else ""

    @classmethod
    def of(cls, *, key: str, queue: str, raw: bytes, facts: str) -> Row:
        """A row as the table has it; one with facts that only another release knows is refused."""
        found: Mapping[str, Any] = json.loads(facts) if facts else {}
        if set(found) - {"due", "front", "ticket", "unique"}:
            return cls(key=key, queue=queue, raw=raw, known=False)
        fingerprint, *terms = found.get("unique", ["", *_NO_TERMS.listed()])
        return cls(
            key=key,
            queue=queue,
            raw=raw,
            due=found.get("due"),
            front=found.get("front", False),
            ticket=found.get("ticket", ""),
            fingerprint=fingerprint,
            terms=Terms(*terms),
        )


class Relay:
    """Over borrowed connections, from any thread. Each method may raise a StoreError."""

    def __init__(self, links: Links, keys: Keys) -> None:
        self._links = links
        self._keys = keys
        self._locks = Locks(links, keys)
        self._keeping = False

    def put(self, rows: Sequence[Row]) -> list[Outcome]:
        """Put the jobs of these rows in their order; what has become of each."""
        if not self._keeping and any(debt.kind == "kept" for row in rows for debt in owed_by(row.raw)):
            self._links.lend(lambda link: link.call("SET", self._keys.results_kept, "1"))
            self._keeping = True
        outcomes: list[Outcome] = []
        for chunk in _chunks(rows):
            if not chunk[0].known:
                outcomes.append(Outcome.REFUSED)
            elif chunk[0].terms.on_conflict == "replace":
                outcomes.append(self._replace(chunk[0]))
            else:
                outcomes += self._run([(row, _how(row)) for row in chunk])
        return outcomes

    def _replace(self, row: Row) -> Outcome:
        """Put one that may replace another, in three steps: a crash between the last two may put it again."""
        [known] = self._run([(row, "look")])
        if known is Outcome.SEEN:
            return known
        when = None if row.due is None else When(False, row.due)
        claim = Claim(row.fingerprint, row.ticket, row.raw)
        [held] = self._locks.put(row.queue, [claim], row.terms, when=when, front=row.front)
        self._run([(row, "mark")])
        return Outcome.PUT if held is None else Outcome.LEFT_OUT

    def _run(self, rows: Sequence[tuple[Row, str]]) -> list[Outcome]:
        keys, arguments = self._keys, list[Argument]()
        for row, how in rows:
            digest = hashlib.blake2b(row.key.encode(), digest_size=16).digest()
            arguments += (digest, how, row.queue, row.raw, row.due or 0, row.ticket)
            arguments += (row.fingerprint, row.terms.window, row.terms.max_hold)
        packed = PackedKeys.of(
            keys.later,
            keys.later_jobs,
            keys.unique,
            keys.unique_windows,
            keys.queues,
            *keys.relayed,
            *(keys.queue(row.queue) for row, _ in rows),
        )
        call = ScriptCall(RELAY, packed, arguments)
        return [Outcome(answer) for answer in self._links.lend(lambda link: link.run_script(call))]


def _how(row: Row) -> str:
    how = "front" if row.front else "push" if row.due is None else "at"
    return f"unique {how}" if row.fingerprint else how


def _chunks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """As many as Redis should be busy with at a time; one that is not known, or may replace another, goes alone."""
    chunk: list[Row] = []
    size = 0
    for row in rows:
        alone = row.terms.on_conflict == "replace" or not row.known
        if chunk and (alone or len(chunk) >= CHUNK or size + len(row.raw) > BYTES):
            yield chunk
            chunk, size = [], 0
        if alone:
            yield [row]
            continue
        chunk.append(row)
        size += len(row.raw)
    if chunk:
        yield chunk
