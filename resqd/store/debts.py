"""What a job owes at its end, as its producer wrote it into the payload: for every script that ends jobs.

The payload travels with the job through every place, so whoever takes it away can tell what is to be settled, and
code that has changed since, or belongs to another application, is not asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from resqd.store.keys import Keys
from resqd.store.names import is_name
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall

OWES: Final = "owes"
"""The key of the producer's object under which debts stand: an object of kind to member."""


class Debt(NamedTuple):
    """One thing to settle. Its kind says how (debts.lua), its member what."""

    kind: str
    member: str


Debts = tuple[Debt, ...]

_KEYS: Final[dict[str, Callable[[Keys, str], tuple[str, ...]]]] = {
    "unique": lambda keys, _member: (keys.unique,),
    "start": lambda keys, _member: (keys.unique,),
    "batch": lambda keys, member: batch_keys(keys, member.split(" ")[1:]),
    "node": lambda keys, member: batch_keys(keys, member.split(" ")[1:]),
    "result": lambda keys, member: (keys.batch(member.split(" ")[1])[3],),
    "kept": lambda keys, member: (keys.result(_second(member)),),
    "task": lambda keys, member: (keys.task(_second(member)),),
}
"""By kind, the keys that are touched when a debt of this member is settled."""
_WRITTEN: Final = frozenset(_KEYS) - {"result"}
"""The kinds that a producer writes; a result is the worker's."""

PAYING: Final = ("inflight/entries", "clock", "later/later", "batches/batches", "debts")
"""What a script needs before it that settles debts."""
SETTLE: Final = Script.load("settle", *PAYING)


def _second(member: str) -> str:
    """The id in SECONDS ID, whatever follows it."""
    return member.split(" ", 2)[1] if " " in member else ""


def batch_keys(keys: Keys, ids: Iterable[str]) -> tuple[str, ...]:
    """What is touched when something of a batch ends, whose id comes first, before those around it (batches.lua)."""
    return keys.later, keys.later_jobs, *(key for batch_id in ids for key in keys.batch(batch_id))


def debts_of(options: Mapping[str, Any]) -> Debts:
    """The debts in a producer's object; kinds that this release does not know, and what is no member, are left out."""
    owed = options.get(OWES)
    if not isinstance(owed, dict):
        return ()
    if len(owed) == 1 and isinstance(member := owed.get("batch"), str) and member.isascii():
        return (Debt("batch", member),)  # the most frequent one, and the same as below
    return tuple(
        Debt(kind, member)
        for kind, member in owed.items()
        if kind in _WRITTEN and isinstance(member, str) and is_name(member)
    )


_OPTIONS: Final = re.compile(rb'[ \t\r\n]*\{(?:"[a-z]+":(?:[0-9]+|"[^"\\]*"),)*"resqd":(?=\{)')
"""Where the producer's object begins: behind what resqd has spliced in, counts and texts."""
_decoder: Final = json.JSONDecoder()
_MOST: Final = 1 << 16
_PLAIN: Final = b'{"class":'


PLACES: Final = frozenset({"batch", "node"})
"""The kinds that are places in batches."""


def member_of(debts: Debts) -> tuple[str, tuple[str, ...]] | None:
    """What a job is called in its batch, and the ids of that and of the batches around it; None where it is in none."""
    for debt in debts:
        if debt.kind in PLACES:
            member, *ids = debt.member.split(" ")
            return member, tuple(ids)
    return None


def owed_by(raw: bytes) -> Debts:
    """The debts of a payload, of which the first bytes are enough. Never raises."""
    if raw.startswith(_PLAIN) or (match := _OPTIONS.match(raw)) is None:
        return ()
    try:
        options, _ = _decoder.raw_decode(raw[match.end() : match.end() + _MOST].decode("utf-8", "ignore"))
    except (ValueError, RecursionError):
        return ()
    return debts_of(options)


def keys_of(debts: Iterable[Debt], keys: Keys) -> list[str]:
    """The keys that are touched when these are settled, each once."""
    return list(dict.fromkeys(key for debt in debts for key in _KEYS[debt.kind](keys, debt.member)))


def arguments_of(debts: Debts, keys: Keys) -> list[Argument]:
    """Debts as the scripts read them."""
    arguments: list[Argument] = [len(debts)]
    for debt in debts:
        own = _KEYS[debt.kind](keys, debt.member)
        arguments += (debt.kind, debt.member, len(own), *own)
    return arguments


def settle_call(outcome: str, owing: Iterable[Debts], keys: Keys) -> ScriptCall:
    """Settles the debts of jobs that have begun, or are gone already."""
    all_debts = list(owing)
    packed = PackedKeys.of(*keys_of((debt for debts in all_debts for debt in debts), keys))
    arguments: list[Argument] = [outcome]
    for debts in all_debts:
        arguments += arguments_of(debts, keys)
    return ScriptCall(SETTLE, packed, arguments)
