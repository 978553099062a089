"""What is asked of gates, packed: the scripts by which jobs take them, and by which those go on that wait there."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from resqd.store.debts import PAYING, Debt, arguments_of, keys_of, owed_by
from resqd.store.names import to_text
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from resqd.store.keys import Keys

_PARTS: Final = ("inflight/entries", "inflight/tokens", "inflight/slots", "clock", "gates/gates")
ACQUIRE = Script.load("gates/acquire", *_PARTS)
ENTER = Script.load("gates/enter", *_PARTS)
LEAVE = Script.load("gates/leave", *_PARTS)
CANCEL = Script.load("gates/cancel", *_PARTS, *PAYING)
PUBLISH = Script.load("gates/publish", "clock")
SETTLE = Script.load("gates/settle", *_PARTS)

LOOKS: Final = 100
"""How many of those that wait at one gate one call looks at."""
_KINDS: Final = ("held:", "waiting:", "passed:", "granted:")


class Gate(NamedTuple):
    """A gate by its name, LIMIT or LIMIT=VALUE, and how its limit is defined: `c MOST` or `r MOST MICROSECONDS`."""

    name: str
    definition: str

    @property
    def limit(self) -> str:
        """The name of its limit."""
        return self.name.partition("=")[0]


class Parked(NamedTuple):
    """A job that is parked: its ticket, the names of its gates, its queue and its payload."""

    ticket: str
    gates: tuple[str, ...]
    queue: str
    raw: bytes

    @classmethod
    def read(cls, ticket: str, value: bytes) -> Parked:
        """A job as it stands in Redis: texts, each after its length and `:`, until a `|`, and then the entry."""
        texts: list[bytes] = []
        at = 0
        while value[at : at + 1] != b"|" and at < len(value):
            length, _, _ = value[at:].partition(b":")
            start = at + len(length) + 1
            at = start + int(length)
            texts.append(value[start:at])
        length, _, rest = value[at + 1 :].partition(b":")
        size = int(length)
        return cls(ticket, tuple(map(to_text, texts)), to_text(rest[:size]), rest[size:])


class Ask(NamedTuple):
    """A job in flight that wants to begin: it takes all its gates, or is parked.

    Its ticket, one line, is what it is called there, if that is free.
    """

    ticket: str
    gates: tuple[Gate, ...]


class Block(NamedTuple):
    """A block of a running job's code that holds a gate: the job's in-flight hash, the field of its token, a number.

    The gate's definition is '' where whoever else defines the limit has its way.
    """

    inflight: str
    field: str
    number: int
    gate: Gate


class Most(NamedTuple):
    """How many jobs may begin, and how many of these at gates with so little room that others might miss it."""

    jobs: int = 65_536
    gated: int = 65_536


def gate_keys(keys: Keys, gate: str) -> tuple[str, ...]:
    """The keys of one gate."""
    return tuple(f"{keys.gate_prefix}{kind}{gate}" for kind in _KINDS)


def held_key(keys: Keys, gate: str) -> str:
    """The sorted set of those who hold a gate."""
    return f"{keys.gate_prefix}{_KINDS[0]}{gate}"


def acquire_call(
    keys: Keys, inflight: str, tokens: str, asks: Sequence[Ask], most: Most, *, force: bool, again: bool
) -> ScriptCall:
    """Let some jobs of the in-flight hash begin, by their `tokens` in ranges; where gates are full they are parked.

    Of those at gates with little room no more than `most.gated` begin. `force`: they count, and all begin. `again`:
    they may have been asked about before.
    """
    lists = {gates: number for number, gates in enumerate(dict.fromkeys(ask.gates for ask in asks), 1)}
    gates = {gate.name: gate for own in lists for gate in own}
    places = {name: number for number, name in enumerate(gates, 1)}
    fixed = (inflight, keys.parked, keys.passes, keys.limits, keys.limits_set, keys.gates)
    data = [PackedKeys.of(*fixed), *(_packed_gate(keys.gate_prefix, name) for name in gates)]
    arguments: list[Argument] = ["force" if force else "", "again" if again else "", most.jobs, most.gated]
    arguments += (tokens, "\n".join([ask.ticket for ask in asks]))
    arguments += (len(gates), *(text for gate in gates.values() for text in gate), len(lists))
    arguments += (" ".join([str(places[gate.name]) for gate in own]) for own in lists)
    if len(lists) > 1:
        arguments.append(" ".join([str(lists[ask.gates]) for ask in asks]))
    return ScriptCall(ACQUIRE, PackedKeys.joined(data), arguments)


@lru_cache(maxsize=10_000)
def _packed_gate(prefix: str, gate: str) -> PackedKeys:
    """The keys of one gate, packed once: a batch may concern hundreds of gates."""
    return PackedKeys.of(*(f"{prefix}{kind}{gate}" for kind in _KINDS))


def enter_call(keys: Keys, block: Block, *, force: bool = False) -> ScriptCall:
    """Let a block hold its gate, or stand in line there."""
    gate = block.gate
    fixed = (block.inflight, keys.limits, keys.limits_declared, keys.limits_set, keys.gates)
    packed = PackedKeys.of(*fixed, *gate_keys(keys, gate.name), woken_key(keys, block))
    arguments = (block.field, block.number, gate.name, gate.definition, "force" if force else "")
    return ScriptCall(ENTER, packed, arguments)


def leave_call(keys: Keys, block: Block) -> ScriptCall:
    """End a block that holds its gate, or waits there."""
    packed = PackedKeys.of(block.inflight, *gate_keys(keys, block.gate.name), woken_key(keys, block))
    return ScriptCall(LEAVE, packed, (block.field, block.number))


def woken_key(keys: Keys, block: Block) -> str:
    """The list that gets a value when a block that waits has been let in."""
    return f"{keys.gate_prefix}woken:{block.inflight}/{block.field}/{block.number}"


def cancel_call(keys: Keys, seen: Mapping[str, bytes], named: Iterable[str | bytes] = ()) -> ScriptCall:
    """Take parked jobs away, by ticket and as they were `seen`, and settle what they owe.

    `named` are keys that this may concern.
    """
    owed: list[Debt] = []
    arguments: list[Argument] = [keys.gate_prefix]
    for ticket, value in seen.items():
        debts = owed_by(Parked.read(ticket, value).raw)
        owed += debts
        digest = hashlib.sha1(value, usedforsecurity=False).hexdigest()
        arguments += (ticket, digest, *arguments_of(debts, keys))
    return ScriptCall(CANCEL, PackedKeys.of(keys.parked, *keys_of(owed, keys), *named), arguments)


def publish_call(keys: Keys, life: str, declared: Mapping[str, str]) -> ScriptCall:
    """Say which limits a daemon declares, by name; none for one that goes."""
    lines = "".join(f"{definition}\t{name}\n" for name, definition in sorted(declared.items()))
    packed = PackedKeys.of(keys.limits, keys.limits_declared, keys.daemons)
    return ScriptCall(PUBLISH, packed, (life, lines))


def settle_call(
    keys: Keys, gates: Sequence[str], named: Iterable[str | bytes] = (), *, forget: int | None = None
) -> ScriptCall:
    """Let go on what waits at these gates, as far as they have room; `named` are keys that this may concern.

    Passes that nobody used are forgotten when they are so many microseconds old.
    """
    fixed = (keys.parked, keys.passes, keys.limits, keys.limits_set, keys.gates, keys.queues)
    own = [key for gate in gates for key in gate_keys(keys, gate)]
    packed = PackedKeys.of(*dict.fromkeys([*fixed, *own, *named]))
    start: list[Argument] = [keys.gate_prefix, keys.queue_prefix, LOOKS, "" if forget is None else forget]
    return ScriptCall(SETTLE, packed, [*start, *gates])
