"""The gates as a whole: what their rounds do for those that wait."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from resqd.store.gates.calls import Parked, cancel_call, gate_keys, publish_call, settle_call
from resqd.store.names import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from resqd.store.keys import Keys
    from resqd.store.redis.link import Link

CHUNK: Final = 50
"""Gates that one call settles."""
SHOWN: Final = 100
"""Holders, and gates of one limit, that are shown."""
_LOOKED: Final = 20
"""Values of one limit whose lines of waiting jobs are counted."""
FORGET: Final = 60_000_000
"""Microseconds after which a pass that nobody used is forgotten, and with it since when its job waited."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How many jobs went on, and in how many seconds there may be room for more; None where nobody knows."""

    passed: int = 0
    due_in: float | None = None
    gates: int = 0
    """At how many gates jobs waited before."""

    def plus(self, other: Settled) -> Settled:
        """Both together."""
        dues = [due for due in (self.due_in, other.due_in) if due is not None]
        return Settled(self.passed + other.passed, min(dues, default=None), self.gates + other.gates)


@dataclass(frozen=True, slots=True)
class GateState:
    """Of a gate: how many hold it, or have begun within its span; some holders as DAEMON TOKEN; how many wait."""

    name: str
    used: int
    holders: tuple[str, ...]
    waiting: int


@dataclass(frozen=True, slots=True)
class LimitState:
    """Of a limit: its definition, None where nobody declares it, what people have set in place of its number."""

    name: str
    definition: str | None
    people: int | None
    gates: tuple[GateState, ...]


@dataclass(frozen=True, slots=True)
class LimitLine:
    """Of a limit, within bounds: who holds it and waits where it is not counted by a value, else at how many values.

    `definition` is None where nobody declares it, `people` what people have set in place of its number. `more` says
    that jobs wait at more values than were looked at, so that `waiting` is a part of them.
    """

    name: str
    definition: str | None
    people: int | None
    used: int
    waiting: int
    values: int
    more: bool = False


class Gates:
    """Those at which jobs wait. Each method may raise a StoreError."""

    def __init__(self, *, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys

    def publish(self, life: str, declared: Mapping[str, str]) -> None:
        """Say which limits a daemon declares; the newest daemon that declares one defines it."""
        self._link.run_script(publish_call(self._keys, life, declared))

    def withdraw(self, life: str) -> None:
        """A daemon ends. What it alone has declared stays a limit until the next one says what there is."""
        self._link.call("HDEL", self._keys.limits_declared, life)

    def round(self) -> Settled:
        """Let go on whatever waits where there is room, whoever has failed to see to it."""
        waiting = sorted(map(to_text, self._link.call("SMEMBERS", self._keys.gates)))
        settled = Settled(gates=len(waiting))
        for at in range(0, len(waiting), CHUNK):
            settled = settled.plus(self.settle(waiting[at : at + CHUNK], forget=FORGET))
        return settled

    def cancel(self, tickets: Sequence[str]) -> list[str]:
        """Take parked jobs away: the tickets of those that were there."""
        values = self._link.call("HMGET", self._keys.parked, *tickets) if tickets else []
        seen = {ticket: value for ticket, value in zip(tickets, values, strict=True) if value is not None}
        if not seen:
            return []
        return [to_text(ticket) for ticket in self._link.run_naming(partial(cancel_call, self._keys, seen))]

    def parked(self, ticket: str) -> Parked | None:
        """The parked job of that ticket."""
        value = self._link.call("HGET", self._keys.parked, ticket)
        return None if value is None else Parked.read(ticket, value)

    def limits(self) -> list[LimitState]:
        """All limits, by name; what is counted of those by a value are the gates where jobs wait."""
        keys, call = self._keys, self._link.call
        declared, people = _texts(call("HGETALL", keys.limits)), _texts(call("HGETALL", keys.limits_set))
        waiting = sorted(map(to_text, call("SMEMBERS", keys.gates)))
        found = []
        for name in sorted({*declared, *people}):
            gates = [gate for gate in waiting if gate.partition("=")[0] == name] or [name]
            states = [self.gate(gate, declared.get(name)) for gate in gates]
            most = int(people[name]) if name in people else None
            found.append(LimitState(name, declared.get(name), most, tuple(states)))
        return found

    def lines(self) -> list[LimitLine]:
        """The first SHOWN limits by name, in four round trips however many gates there are."""
        keys, link = self._keys, self._link
        declared, people = (
            _texts(link.call("HGETALL", keys.limits)),
            _texts(link.call("HGETALL", keys.limits_set)),
        )
        names = sorted({*declared, *people})[:SHOWN]
        values: dict[str, list[str]] = {name: [] for name in names}
        for gate in map(to_text, link.call("SMEMBERS", keys.gates)):
            name, by, _ = gate.partition("=")
            if by and name in values:
                values[name].append(gate)
        asked: list[tuple[str, str]] = []
        for name in names:
            held, waits, _, granted = gate_keys(keys, name)
            asked += [
                ("ZCARD", granted if (declared.get(name) or "").startswith("r") else held),
                ("ZCARD", waits),
            ]
        looked = {name: sorted(found)[:_LOOKED] for name, found in values.items()}
        asked += [("ZCARD", gate_keys(keys, gate)[1]) for name in names for gate in looked[name]]
        counts = iter(
            [each if isinstance(each, int) else 0 for each in link.pipeline(asked)] if asked else []
        )
        plain = {name: (next(counts), next(counts)) for name in names}
        return [
            LimitLine(
                name=name,
                definition=declared.get(name),
                people=int(people[name]) if people.get(name, "").isdecimal() else None,
                used=plain[name][0],
                waiting=plain[name][1] + sum(next(counts) for _ in looked[name]),
                values=len(values[name]),
                more=len(values[name]) > _LOOKED,
            )
            for name in names
        ]

    def values_of(self, name: str) -> list[str]:
        """The gates of a limit where jobs wait, itself first where it is one; SHOWN at the most."""
        waiting = sorted(map(to_text, self._link.call("SMEMBERS", self._keys.gates)))
        return [name, *(gate for gate in waiting if gate.startswith(f"{name}="))][: SHOWN + 1]

    def waiting_at(self, gate: str, count: int) -> list[Parked]:
        """The first jobs that wait at a gate; blocks of running jobs that wait there, too, are left out."""
        tickets = [
            to_text(each) for each in self._link.call("ZRANGE", gate_keys(self._keys, gate)[1], 0, count - 1)
        ]
        values = self._link.call("HMGET", self._keys.parked, *tickets) if tickets else []
        return [
            Parked.read(ticket, value)
            for ticket, value in zip(tickets, values, strict=True)
            if value is not None
        ]

    def gate(self, gate: str, definition: str | None) -> GateState:
        """Who holds a gate, and how many wait."""
        held, waiting, _, granted = gate_keys(self._keys, gate)
        if definition is not None and definition.startswith("r"):
            return GateState(gate, self._link.call("ZCARD", granted), (), self._link.call("ZCARD", waiting))
        members = self._link.call("ZRANGE", held, 0, SHOWN - 1)
        used, waits = self._link.call("ZCARD", held), self._link.call("ZCARD", waiting)
        return GateState(gate, used, tuple(_holder(to_text(each)) for each in members), waits)

    def gate_now(self, gate: str) -> GateState:
        """The same, whatever its limit is."""
        definition = self._link.call("HGET", self._keys.limits, gate.partition("=")[0])
        return self.gate(gate, None if definition is None else to_text(definition))

    def gates_of(self, name: str) -> list[str]:
        """The gates of one limit that are held, or where jobs wait, SHOWN of them at the most."""
        waiting = [to_text(gate) for gate in self._link.call("SMEMBERS", self._keys.gates)]
        found = {gate for gate in waiting if gate.partition("=")[0] == name}
        for kind in (0, 3):
            head = gate_keys(self._keys, name)[kind]
            cursor = b"0"
            while len(found) < SHOWN:
                cursor, names = self._link.call("SCAN", cursor, "MATCH", f"{_literal(head)}*", "COUNT", 1000)
                prefix = len(head) - len(name)
                gates = [to_text(each)[prefix:] for each in names]
                found.update(gate for gate in gates if gate.partition("=")[0] == name)
                if cursor == b"0":
                    break
        return sorted(found)[:SHOWN]

    def set_most(self, name: str, most: int | None) -> None:
        """Set a limit's number in place of the declared one, or (None) give that its way again."""
        if most is None:
            self._link.call("HDEL", self._keys.limits_set, name)
        else:
            self._link.call("HSET", self._keys.limits_set, name, most)
        self.round()

    def settle(self, gates: Iterable[str], *, forget: int | None = None) -> Settled:
        """Let go on what waits at these gates, as far as they have room."""
        asked, settled = [*gates], Settled()
        while asked:
            call = partial(settle_call, self._keys, asked, forget=forget)
            passed, due, again = self._link.run_naming(call)
            settled = settled.plus(Settled(passed, None if int(due) < 0 else int(due) / 1_000_000))
            asked = [to_text(name) for name in again]
        return settled


def _texts(flat: Sequence[bytes]) -> dict[str, str]:
    texts = [to_text(each) for each in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _holder(member: str) -> str:
    """From INFLIGHT/TOKEN, whose key is NAMESPACE:resqd:inflight:DAEMON:INCARNATION:all."""
    key, _, token = member.rpartition("/")
    return f"{key.rpartition(':resqd:inflight:')[2].removesuffix(':all')} {token}"


def _literal(text: str) -> str:
    """A pattern that only this text matches."""
    return "".join(f"\\{each}" if each in "*?[]\\" else each for each in text)
