"""What an owner of jobs in flight asks of Redis, packed: its scripts with their keys and arguments."""

from __future__ import annotations

from functools import cached_property
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Literal

from resqd.store.debts import PAYING, arguments_of, batch_keys, keys_of
from resqd.store.gates.calls import held_key
from resqd.store.inflight.outbox import Dismiss, Failure, Postpone, Reservation, Return, Turns, Want
from resqd.store.inflight.tokens import INDEX_BITS, ranges_text, token_ranges, token_text
from resqd.store.keys import Keys
from resqd.store.names import Names, to_bytes
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from resqd.store.inflight.incarnation import Incarnation

_BATCH = ("inflight/entries", "inflight/tokens", "inflight/batch")
_RECORDS = ("inflight/entries", "inflight/records", "inflight/tokens")
_TRIES = ("inflight/cursors", "inflight/attempts")
REGISTER = Script.load("inflight/register")
RESERVE = Script.load("inflight/reserve", *_BATCH)
RESERVE_IN_TURN = Script.load("inflight/reserve_in_turn", *_BATCH)
RESERVE_SUSPECTS = Script.load("inflight/reserve_suspects", *_BATCH)
ACKNOWLEDGE = Script.load("inflight/acknowledge", *_BATCH[:2], "inflight/slots")
FAIL = Script.load("inflight/fail", *_RECORDS, *_TRIES, "inflight/slots", *PAYING)
POSTPONE = Script.load("inflight/postpone", *_BATCH[:2], *_TRIES, "inflight/slots", "clock", "later/later")
DISMISS = Script.load("inflight/dismiss", *_BATCH[:2], *_TRIES, "inflight/slots", *PAYING)
CHECKPOINT = Script.load("inflight/checkpoint", *_BATCH[:2], "inflight/cursors")
RETURN = Script.load("inflight/return", *_BATCH[:2], "inflight/slots")
DROP = Script.load("inflight/drop", "inflight/tokens")
RECORD = Script.load("inflight/record", *_RECORDS)
FIELDS = Script.load("inflight/fields", "inflight/tokens")
CLOSE = Script.load("inflight/close", *_RECORDS, "inflight/slots")

Source = Literal["queues", "suspects"]
Key = str | bytes

_BATCH_LIMIT = 65_535


class Calls:
    """The calls of one incarnation, but for those that reserve."""

    def __init__(self, *, keys: Keys, incarnation: Incarnation, worker_id: str) -> None:
        self.inflight = keys.inflight(incarnation.daemon, incarnation.id)
        self._keys = keys
        self._incarnation = incarnation
        self._processed = (keys.stat("processed"), keys.stat(f"processed:{worker_id}"))
        self._failed = (keys.stat("failed"), keys.stat(f"failed:{worker_id}"))
        self._lists: tuple[str, ...] = (keys.failed,)  # for the records of the latest failures
        self._fail_keys = self._keys_to_fail(self._lists)

    def register(self, source: Source) -> ScriptCall:
        """Make the incarnation known, whose jobs come from that source."""
        own = self._incarnation
        keys = PackedKeys.of(self.inflight, self._keys.index(own.daemon), self._keys.daemons)
        return ScriptCall(REGISTER, keys, (own.id, own.to_json(), source, own.life))

    def acknowledge(
        self, ranges: Iterable[tuple[int, int]], slots: Sequence[Key] = (), *, gated: bool = False
    ) -> ScriptCall:
        """Count and forget the jobs that have succeeded; ranges of tokens. `gated`: some may hold slots of limits."""
        if not gated:
            return ScriptCall(ACKNOWLEDGE, self._acknowledge_keys, (ranges_text(ranges),))
        packed = PackedKeys.of(self.inflight, *self._processed, self._keys.gates, *slots)
        return ScriptCall(ACKNOWLEDGE, packed, (ranges_text(ranges), held_key(self._keys, "")))

    def fail(self, failures: Sequence[Failure], slots: Sequence[Key] = ()) -> ScriptCall:
        """Count and record the jobs that have failed."""
        lists = tuple(dict.fromkeys(key for failure in failures for key in failure.lists))
        if lists != self._lists:
            self._lists = lists
            self._fail_keys = self._keys_to_fail(lists)
        more = (*keys_of([debt for failure in failures for debt in failure.debts], self._keys), *slots)
        packed = self._keys_to_fail((*lists, *more)) if more else self._fail_keys
        return ScriptCall(FAIL, packed, _fail_arguments(failures, lists, self._keys))

    def postpone(self, postponed: Sequence[Postpone], slots: Sequence[Key] = ()) -> ScriptCall:
        """Put jobs off until they are due."""
        keys = self._keys
        later = (keys.later, keys.later_jobs, keys.later_attempts)
        counters = keys.stat("retried"), keys.stat("timeout")
        packed = PackedKeys.of(self.inflight, *later, *counters, *slots)
        arguments: list[Argument] = []
        for each in postponed:
            delay = round(each.delay * 1_000_000)
            arguments += (token_text(each.token), delay, each.kind)
            arguments += (each.ticket, each.tried, each.new_id, each.attempt)
        return ScriptCall(POSTPONE, packed, arguments)

    def dismiss(self, dismissed: Sequence[Dismiss], slots: Sequence[Key] = ()) -> ScriptCall:
        """Count and forget jobs that have ended in another way than by a plain success or a failure."""
        groups: dict[str, tuple[list[int], list[str]]] = {}
        singles: list[Dismiss] = []
        for each in dismissed:
            token, kind, tried, debts = each
            if kind == "done" and not tried and len(debts) == 1 and debts[0][0] == "batch":
                member, _, batch = debts[0][1].partition(" ")
                tokens, members = groups.get(batch) or groups.setdefault(batch, ([], []))
                tokens.append(token)
                members.append(member)
            else:
                singles.append(each)
        arguments: list[Argument] = [len(groups)]
        owed = keys_of((debt for each in singles for debt in each.debts), self._keys)
        for batch, (tokens, members) in groups.items():
            own = batch_keys(self._keys, batch.split(" "))
            owed += own
            arguments += (len(own), *own, token_ranges(tokens), " ".join(members))
        for each in singles:
            arguments += (token_text(each.token), each.kind, each.tried)
            arguments += arguments_of(each.debts, self._keys)
        return ScriptCall(DISMISS, PackedKeys.of(*self._dismiss_keys, *owed, *slots), arguments)

    def drop(self, tokens: Iterable[int]) -> ScriptCall:
        """Forget jobs that are on another shard by now."""
        return ScriptCall(DROP, PackedKeys.of(self.inflight), (token_ranges(sorted(tokens)),))

    def put_back(self, returned: Iterable[Return], named: Iterable[Key]) -> ScriptCall:
        """Put jobs back to the front of where they came from; `named` are lists that this may concern."""
        keys, daemon = self._keys, self._incarnation.daemon
        packed = PackedKeys.of(self.inflight, keys.queues, keys.suspects(daemon), *named)
        return ScriptCall(RETURN, packed, (token_ranges(item.token for item in returned), keys.queue_prefix))

    def checkpoint(self, cursors: Mapping[int, bytes]) -> ScriptCall:
        """Note beside each of these jobs how far it has come."""
        arguments = [part for token, cursor in cursors.items() for part in (token_text(token), cursor)]
        return ScriptCall(CHECKPOINT, PackedKeys.of(self.inflight), arguments)

    def record(self, named: Iterable[Key]) -> ScriptCall:
        """Try again to record failed jobs whose records were refused; `named` are lists that this may concern."""
        return ScriptCall(RECORD, PackedKeys.of(self.inflight, self._keys.failed_queues, *named))

    def fields(self) -> ScriptCall:
        """What Redis has in flight for the incarnation."""
        return ScriptCall(FIELDS, PackedKeys.of(self.inflight))

    def close(self, done: Iterable[int], named: Iterable[Key]) -> ScriptCall:
        """Count the jobs that have succeeded, put back the others, and remove the incarnation.

        `named` are lists that this may concern.
        """
        own, keys = self._incarnation, self._keys
        packed = PackedKeys.of(
            self.inflight,
            keys.index(own.daemon),
            keys.queues,
            keys.suspects(own.daemon),
            keys.failed_queues,
            *self._processed,
            *named,
        )
        return ScriptCall(CLOSE, packed, (own.id, keys.queue_prefix, token_ranges(done)))

    @cached_property
    def _acknowledge_keys(self) -> PackedKeys:
        return PackedKeys.of(self.inflight, *self._processed)

    @cached_property
    def _dismiss_keys(self) -> tuple[str, ...]:
        keys = self._keys
        counters = (*self._processed, keys.stat("discarded"), keys.stat("expired"))
        return (self.inflight, keys.later_attempts, *counters)

    def _keys_to_fail(self, lists: Iterable[Key]) -> PackedKeys:
        keys = self._keys
        counters = (*self._processed, *self._failed, keys.stat("timeout"))
        return PackedKeys.of(self.inflight, keys.failed_queues, *counters, keys.later_attempts, *lists)


_FIRST_LIST = 9
"""Where the first list stands among the keys of a call that fails jobs."""


def _fail_arguments(failures: Sequence[Failure], lists: Sequence[str], keys: Keys) -> list[Argument]:
    places = {key: place for place, key in enumerate(lists, _FIRST_LIST)}
    arguments: list[Argument] = []
    for failure in failures:
        takers = failure.lists if failure.record is not None else ()
        arguments += (
            token_text(failure.token),
            (failure.record if takers else None) or b"",
            failure.failed_queue,
            failure.tried,
            "1" if failure.late else "",
            len(takers),
            *(places[key] for key in takers),
            *arguments_of(failure.debts, keys),
        )
    return arguments


class FromQueues:
    """Reserves from queues. What is packed is kept for the next time, as at every look at empty queues."""

    def __init__(self, *, inflight: str, keys: Keys) -> None:
        self._inflight = inflight
        self._keys = keys
        self._prefix_length = len(to_bytes(keys.queue_prefix))
        self._queues: tuple[tuple[str, int], ...] = ()
        self.names: tuple[str, ...] = ()
        """The queues of the latest request."""
        self._packed = PackedKeys.of(inflight)
        self._limits = ""
        self._request: tuple[int, int, int, Turns] = (0, 0, 0, ())
        self._call: ScriptCall | None = None

    def reserve(self, seq: int, want: Want) -> ScriptCall:
        """Ask for batch `seq`; a push finds the call packed."""
        request = (seq, min(want.count, _BATCH_LIMIT), want.byte_budget, want.turns)
        if want.queues is not self._queues:
            self._learn(want.queues, in_turn=bool(want.turns))
        elif request == self._request and self._call is not None:
            return self._call
        self._request = request
        arguments: list[Argument] = [*request[:3], self._prefix_length, self._limits]
        for ring, share in want.turns:
            arguments += (*ring, share)
        self._call = ScriptCall(RESERVE_IN_TURN if want.turns else RESERVE, self._packed, arguments)
        return self._call

    def _learn(self, queues: tuple[tuple[str, int], ...], *, in_turn: bool) -> None:
        names = tuple(name for name, _ in queues)
        if names != self.names:
            self.names = names
            own = (self._inflight, self._keys.turns) if in_turn else (self._inflight,)
            self._packed = PackedKeys.of(*own, *map(self._keys.queue, names))
        self._limits = ",".join(f"{i}:{limit}" for i, (_, limit) in enumerate(queues, 1) if limit)
        self._queues = queues


class FromSuspects:
    """Reserves from the list of a daemon's suspects."""

    names: tuple[str, ...] = ()

    def __init__(self, *, inflight: str, suspects: str) -> None:
        self._packed = PackedKeys.of(inflight, suspects)

    def reserve(self, seq: int, want: Want) -> ScriptCall:
        """Ask for batch `seq`."""
        facts: list[Argument] = [seq, min(want.count, _BATCH_LIMIT), want.byte_budget, *want.closed]
        return ScriptCall(RESERVE_SUSPECTS, self._packed, facts)


def read_batch(seq: int, groups: list[Any], names: Names, queues: Sequence[str] = ()) -> list[Reservation]:
    """The jobs of an answer: groups of a queue, the index of the first of its jobs, and their payloads.

    Or of places of `queues` from the first to the last, counted from 1, and so on, each of one job.
    """
    batch: list[Reservation] = []
    base = seq << INDEX_BITS
    for at in range(0, len(groups), 3):
        payloads = groups[at + 2]
        first, named = base + groups[at + 1], groups[at]
        each = repeat(names[named]) if isinstance(named, bytes) else named_by(named, queues)
        batch += zip(range(first, first + len(payloads)), each, payloads, strict=False)
    return batch


def named_by(runs: Sequence[int], queues: Sequence[str]) -> Iterator[str]:
    """The queues at the places from the first to the last, counted from 1, and so on."""
    return chain.from_iterable(queues[runs[at] - 1 : runs[at + 1]] for at in range(0, len(runs), 2))
