"""The recoverer's side: takes back the jobs of incarnations that are dead, and decides nothing by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from resqd.store.debts import PAYING, arguments_of, keys_of
from resqd.store.inflight.incarnation import Incarnation, of_life
from resqd.store.inflight.tokens import (
    Counts,
    counts,
    split_entry,
    token_from_text,
    token_ranges,
    token_text,
    tokens_of,
)
from resqd.store.inflight.verdict import (
    Charge,
    Convict,
    Done,
    Forgive,
    Isolate,
    Later,
    Suspect,
    Verdict,
    owed,
    verdict_arguments,
)
from resqd.store.keys import Keys
from resqd.store.names import number, seconds, to_text
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall

__all__ = [
    "Charge",
    "Convict",
    "Done",
    "Forgive",
    "Held",
    "Inspection",
    "Isolate",
    "Later",
    "Recovered",
    "Recovery",
    "Suspect",
    "Verdict",
    "Waiting",
    "recover_call",
]

_RECOVER = Script.load(
    "inflight/recover",
    "inflight/entries",
    "inflight/records",
    "inflight/tokens",
    "inflight/cursors",
    "inflight/attempts",
    "inflight/slots",
    *PAYING,
    "clock",
    "later/later",
)
_DROP = Script.load("inflight/drop", "inflight/tokens")
_INSPECT = Script.load("inflight/inspect", "inflight/entries", "inflight/tokens", "inflight/cursors")
_COUNT_SUSPECTS = Script.load("inflight/count_suspects", "inflight/entries")
_RELEASE = Script.load("inflight/release", "inflight/entries")
_FORGET = Script.load("inflight/forget")

SEEN = 64 * 1024
"""Bytes of a payload that an inspection reads at the most: it must not need the memory that its worker died of."""


class Held(NamedTuple):
    """A job in flight: its queue, its payload or the beginning of it, and how often its process was lost so far.

    `counts` is None for a payload that no count can be spliced into: it is no job. `missing` is how many bytes of
    the payload were not read.
    """

    queue: str
    payload: bytes
    counts: Counts | None
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an incarnation holds, as far as it was asked for; on `probation` it can be one job only.

    `queues` are those of all its jobs, if all were looked at.
    """

    probation: bool
    held: dict[int, Held]
    queues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many jobs moved where; `kept` could go nowhere (a key of a wrong type) and wait for the next try.

    `convicted` are those whose failure was decided now, `postponed` those that are tried again later, and `recorded`
    those that had failed before and whose records a list takes at last; `refusal` says why it does not take one.
    `ended` had succeeded before.
    """

    requeued: int = 0
    suspected: int = 0
    convicted: int = 0
    kept: int = 0
    recorded: int = 0
    refusal: str = ""
    postponed: int = 0
    ended: int = 0


class Waiting(NamedTuple):
    """How many suspects wait, and of each capped queue that has any."""

    suspects: int
    capped: dict[str, int]


def recover_call(
    keys: Keys,
    incarnation: Incarnation,
    verdicts: Mapping[int, Verdict],
    named: Iterable[str | bytes] = (),
    *,
    counted: bool = False,
) -> ScriptCall:
    """The one script that empties and fences an incarnation; `named` are lists that this may concern."""
    daemon = incarnation.daemon
    packed = PackedKeys.of(
        keys.inflight(daemon, incarnation.id),
        keys.index(daemon),
        keys.queues,
        keys.suspects(daemon),
        keys.failed_queues,
        keys.stat("failed"),
        keys.later,
        keys.later_jobs,
        keys.later_attempts,
        keys.stat("retried"),
        keys.stat("timeout"),
        keys.stat("processed"),
        *named,
        *keys_of((debt for verdict in verdicts.values() for debt in owed(verdict)), keys),
    )
    arguments: list[Argument] = [incarnation.id, keys.queue_prefix, "forgive" if counted else ""]
    for token, verdict in verdicts.items():
        arguments += (token_text(token), *verdict_arguments(verdict), *arguments_of(owed(verdict), keys))
    return ScriptCall(_RECOVER, packed, arguments)


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

    def inspect(
        self,
        incarnation: Incarnation,
        tokens: Iterable[int],
        *,
        patience: int | None = None,
        most: int = SEEN,
    ) -> Inspection:
        """Those of the tokens that are in flight, with at the most so many bytes of each.

        With `patience`, the losses that decide a job's fate, also each job whose next loss may, and all that an
        incarnation on probation holds.
        """
        key = self._keys.inflight(incarnation.daemon, incarnation.id)
        arguments = (token_ranges(tokens), most, "" if patience is None else patience)
        home, queues, *facts = self._link.run_script(ScriptCall(_INSPECT, PackedKeys.of(key), arguments))
        found = {}
        for field, length, beginning in zip(facts[::3], facts[1::3], facts[2::3], strict=True):
            if (held := _held(beginning, length - len(beginning))) is not None:
                found[token_from_text(to_text(field))] = held
        return Inspection(home == b"suspects", found, tuple(map(to_text, queues)))

    def tokens(self, incarnation: Incarnation) -> set[int]:
        """The jobs that are in flight, but for those that have failed and only wait to be recorded."""
        key = self._keys.inflight(incarnation.daemon, incarnation.id)
        return tokens_of(self._link.call("HKEYS", key))

    def drop(self, incarnation: Incarnation, tokens: Iterable[int]) -> None:
        """Forget jobs that are on another shard by now."""
        key = self._keys.inflight(incarnation.daemon, incarnation.id)
        self._link.run_script(ScriptCall(_DROP, PackedKeys.of(key), (token_ranges(sorted(tokens)),)))

    def recover(
        self,
        incarnation: Incarnation,
        verdicts: Mapping[int, Verdict],
        *,
        counted: bool = False,
        queues: Iterable[str] = (),
    ) -> Recovered:
        """Fences an incarnation and moves its jobs, each one exactly once however many recoverers try.

        Jobs without a verdict go back uncharged, in order, to the front of where they came from; where it is to be
        `counted`, one recovery dearer. The verdict on a job that is kept stays with it. `queues` are those that an
        inspection has found, which saves a round trip.
        """
        lists = [list_ for each in verdicts.values() if isinstance(each, Convict) for list_ in each.lists]
        call = partial(recover_call, self._keys, incarnation, verdicts, counted=counted)
        requeued, suspected, convicted, kept, recorded, refusal, postponed, ended = self._link.run_naming(
            call, list(dict.fromkeys([*map(self._keys.queue, queues), *lists]))
        )
        return Recovered(requeued, suspected, convicted, kept, recorded, to_text(refusal), postponed, ended)

    def suspects_waiting(self, daemon: str, capped: Sequence[str] = ()) -> Waiting:
        """How many jobs of a daemon wait to be run alone, and how many of them are of each of the capped queues."""
        keys = PackedKeys.of(self._keys.suspects(daemon))
        suspects, *counts = self._link.run_script(ScriptCall(_COUNT_SUSPECTS, keys, tuple(capped)))
        return Waiting(suspects, {queue: count for queue, count in zip(capped, counts, strict=True) if count})

    def release_suspects(self, daemon: str) -> int:
        """Puts a daemon's suspects back to the fronts of their queues, in order, uncharged. Returns how many."""
        keys = self._keys

        def release(named: Iterable[str | bytes]) -> ScriptCall:
            packed = PackedKeys.of(keys.suspects(daemon), keys.queues, *named)
            return ScriptCall(_RELEASE, packed, (keys.queue_prefix,))

        return int(self._link.run_naming(release))

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
        return bool(self._link.run_script(ScriptCall(_FORGET, keys, (life, f"{daemon}:", f"{epoch}."))))

    def _hash(self, key: str) -> dict[bytes, bytes]:
        flat = self._link.call("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2], strict=True))


def _held(entry: bytes, missing: int) -> Held | None:
    """The job of an entry; None for bytes that are none, which recovery leaves where they are."""
    try:
        queue, payload = split_entry(entry)
    except ValueError:
        return None
    return Held(queue, payload, counts(payload), missing)
