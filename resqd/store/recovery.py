"""The recoverer's side: takes back the jobs of incarnations that are dead, and decides nothing by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from resqd.store.entries import deliveries, split_entry
from resqd.store.incarnation import Incarnation, of_life
from resqd.store.keys import Keys, to_text
from resqd.store.link import Link
from resqd.store.numbers import number, seconds
from resqd.store.scripts import FORGET, RECOVER, RELEASE, Argument, PackedKeys, ScriptCall
from resqd.store.tokens import token_text


@dataclass(frozen=True, slots=True)
class Charge:
    """Back to the front of its queue, one delivery dearer."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """To the daemon's suspects, to be run alone, one delivery dearer."""


@dataclass(frozen=True, slots=True)
class Convict:
    """Recorded as failed: `lists` are the keys that take `record`, `failed_queue` a name for the set of those."""

    record: bytes
    lists: tuple[str, ...]
    failed_queue: str = ""


Verdict = Charge | Suspect | Convict


class Held(NamedTuple):
    """A job in flight: its queue, its payload and how many deliveries it has been charged."""

    queue: str
    payload: bytes
    deliveries: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many jobs moved where; `kept` could go nowhere (a key of a wrong type) and wait for the next try.

    `convicted` are those whose failure was decided now, and `recorded` those that had failed before and whose
    records a list takes at last; `refusal` says why it does not take one.
    """

    requeued: int = 0
    suspected: int = 0
    convicted: int = 0
    kept: int = 0
    recorded: int = 0
    refusal: str = ""


def recover_call(keys: Keys, incarnation: Incarnation, verdicts: Mapping[int, Verdict]) -> ScriptCall:
    """The one script that empties and fences an incarnation."""
    daemon = incarnation.daemon
    packed = PackedKeys.of(
        keys.inflight(daemon, incarnation.id),
        keys.index(daemon),
        keys.queues,
        keys.suspects(daemon),
        keys.failed_queues,
        keys.stat("failed"),
    )
    arguments: list[Argument] = [incarnation.id, keys.queue_prefix]
    for token, verdict in verdicts.items():
        arguments += (token_text(token), *_verdict_arguments(verdict))
    return ScriptCall(RECOVER, packed, arguments)


def _verdict_arguments(verdict: Verdict) -> tuple[Argument, ...]:
    match verdict:
        case Charge():
            return ("charge", "", "", 0)
        case Suspect():
            return ("suspect", "", "", 0)
        case Convict(record, lists, failed_queue):
            return ("convict", record, failed_queue, len(lists), *lists)


class Recovery:
    """What a housekeeper does for its own dead workers, and for dead hosts. Each method may raise a StoreError."""

    def __init__(self, *, link: Link, keys: Keys) -> None:
        self._link = link
        self._keys = keys

    def incarnations(self, daemon: str) -> list[Incarnation]:
        """All incarnations of a daemon that are registered, alive or dead."""
        facts = self._hash(self._keys.index(daemon))
        return [
            Incarnation.from_index(daemon, to_text(own_id), to_text(text)) for own_id, text in facts.items()
        ]

    def inspect(self, incarnation: Incarnation, tokens: Iterable[int]) -> dict[int, Held]:
        """Those of the tokens that are in flight."""
        asked = list(tokens)
        if not asked:
            return {}
        key = self._keys.inflight(incarnation.daemon, incarnation.id)
        entries = self._link.call("HMGET", key, *map(token_text, asked))
        found = {}
        for token, entry in zip(asked, entries, strict=True):
            if entry is not None and (held := _held(entry)):
                found[token] = held
        return found

    def recover(self, incarnation: Incarnation, verdicts: Mapping[int, Verdict]) -> Recovered:
        """Fences an incarnation and moves its jobs, each one exactly once however many recoverers try.

        Jobs without a verdict go back uncharged, in order, to the front of where they came from. The verdict on a
        job that is kept stays with it.
        """
        reply = self._link.run_script(recover_call(self._keys, incarnation, verdicts))
        requeued, suspected, convicted, kept, recorded, refusal = reply
        return Recovered(requeued, suspected, convicted, kept, recorded, to_text(refusal))

    def suspects_waiting(self, daemon: str) -> int:
        """How many jobs of a daemon wait to be run alone."""
        return int(self._link.call("LLEN", self._keys.suspects(daemon)))

    def release_suspects(self, daemon: str) -> int:
        """Puts a daemon's suspects back to the fronts of their queues, in order, uncharged. Returns how many."""
        keys = PackedKeys.of(self._keys.suspects(daemon), self._keys.queues)
        return int(self._link.run_script(ScriptCall(RELEASE, keys, (self._keys.queue_prefix,))))

    def counters(self) -> dict[str, int]:
        """The heartbeat counters of all daemons' lives."""
        found = {to_text(life): number(count) for life, count in self._hash(self._keys.daemons).items()}
        return {life: count for life, count in found.items() if count is not None}

    def intervals(self) -> dict[str, float]:
        """The seconds between the heartbeats of all lives that tell them; older releases do not."""
        told = self._hash(self._keys.intervals)
        return {to_text(life): seconds(text) for life, text in told.items()}

    def forget(self, life: str) -> bool:
        """Strikes a life off the list, if it holds no jobs and no suspects of its daemon need it."""
        daemon, epoch = of_life(life)
        keys = PackedKeys.of(
            self._keys.daemons, self._keys.index(daemon), self._keys.suspects(daemon), self._keys.intervals
        )
        return bool(self._link.run_script(ScriptCall(FORGET, keys, (life, f"{daemon}:", f"{epoch}."))))

    def _hash(self, key: str) -> dict[bytes, bytes]:
        flat = self._link.call("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2], strict=True))


def _held(entry: bytes) -> Held | None:
    """The job of an entry; None for bytes that are none, which recovery leaves where they are."""
    try:
        queue, payload = split_entry(entry)
    except ValueError:
        return None
    return Held(queue, payload, deliveries(payload))
