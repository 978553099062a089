"""The owner's side of jobs in flight: reserve, acknowledge, fail and return, in one exchange with Redis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import repeat
from typing import Any, Literal

from resqd.errors import Fenced, StoreError
from resqd.store.inflight.incarnation import Incarnation
from resqd.store.inflight.outbox import Ended, Exchanged, Failure, Outbox, Recorded, Reservation, Return, Want
from resqd.store.inflight.tokens import (
    INDEX_BITS,
    ranges_of,
    ranges_text,
    token_from_text,
    token_ranges,
    token_text,
)
from resqd.store.keys import Keys, Names, to_bytes, to_text
from resqd.store.redis.connection import Reply
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import (
    ACKNOWLEDGE,
    CLOSE,
    FAIL,
    FIELDS,
    RECORD,
    REGISTER,
    RESERVE,
    RESERVE_SUSPECTS,
    RETURN,
    Argument,
    PackedKeys,
    ScriptCall,
    ServerError,
    judge,
)

__all__ = [
    "Exchanged",
    "Failure",
    "Incarnation",
    "Inflight",
    "Outbox",
    "Recorded",
    "Reservation",
    "Return",
    "Source",
    "Want",
    "token_from_text",
    "token_text",
]

Source = Literal["queues", "suspects"]

_BATCH_LIMIT = 65_535


class Inflight:
    """The jobs in flight of one incarnation. One thread owns it, and only one request is ever under way."""

    def __init__(
        self,
        *,
        link: Link,
        keys: Keys,
        incarnation: Incarnation,
        worker_id: str,
        source: Source = "queues",
        patience: int = 3,
    ) -> None:
        self._link = link
        self._keys = keys
        self._incarnation = incarnation
        self._source = source
        self._patience = patience  # recoveries of a job that had begun until a verdict on it is due
        self._seq = 1
        self._unsure = False
        self._announced = False  # Redis may have heard of us
        self._registered = False  # it has said so
        self.ended = Ended()
        """What has succeeded by Redis's own word."""
        self._ranges: list[tuple[int, int]] = []  # of what is being acknowledged
        self._closing = False
        self._hash = keys.inflight(incarnation.daemon, incarnation.id)
        self._suspects = keys.suspects(incarnation.daemon)
        self._index = keys.index(incarnation.daemon)
        self._processed = (keys.stat("processed"), keys.stat(f"processed:{worker_id}"))
        self._failed = (keys.stat("failed"), keys.stat(f"failed:{worker_id}"))
        self._queues: tuple[tuple[str, int], ...] = ()
        self._queue_names: tuple[str, ...] = ()
        self._queue_keys = PackedKeys.of(self._hash)
        self._limits = ""
        self._prefix_length = len(to_bytes(keys.queue_prefix))
        self._request = (0, 0, 0)
        self._call: ScriptCall | None = None
        self._names = Names()

    def exchange(self, outbox: Outbox, want: Want | None = None) -> Exchanged:
        """Tells Redis what is in the outbox and reserves, in one pipeline; each reply is judged by itself.

        What was confirmed leaves the outbox even when another part failed, whose error is then raised: Fenced,
        StoreUnavailable or another StoreError. After an error the next exchange asks with the same sequence
        number: a batch whose reply was lost, or not handed out, comes then, even when `want` is None.
        """
        outgoing = self._outgoing(outbox)
        calls = [call for _, call in outgoing]
        if want is not None or self._unsure:
            calls.append(self._reserve(want or Want(0)))
            self._unsure = True
        if not calls:
            return Exchanged([])
        replies = self._run(calls)
        counts, error = _settle(outbox, outgoing, replies)
        if self._ranges and not outbox.done:
            self.ended.add(self._ranges)
        answer = replies[-1] if len(replies) > len(outgoing) else ([], [])
        if isinstance(answer, ServerError):
            error = error or judge(answer)
        if error:
            raise error
        skipped = tuple(map(to_text, answer[1])) if answer[1] else ()
        failed, withheld, refusal = counts.failed
        return Exchanged(
            self._accept(answer[0]),
            counts.done + failed,
            failed,
            counts.returned,
            skipped,
            withheld,
            to_text(refusal),
        )

    def record(self) -> Recorded:
        """Tries again to record failed jobs whose records were refused. Errors: StoreError."""
        keys = PackedKeys.of(self._hash, self._keys.failed_queues)
        recorded, left, refusal = self._link.run_script(ScriptCall(RECORD, keys))
        return Recorded(recorded, left, to_text(refusal))

    def look(self) -> set[int] | None:
        """The jobs that Redis has in flight for us, but for those that have failed and only wait to be recorded.

        None where Redis need not know us. Errors: StoreError; a replica is not asked.
        """
        if not self._registered:
            return None
        try:
            fields = self._link.run_script(ScriptCall(FIELDS, PackedKeys.of(self._hash)))
        except Fenced:
            if not self._closing:
                raise
            return None  # the good-bye was said, and only its answer lost
        names = {to_text(name) for name in fields}
        return {
            token_from_text(name) for name in names if not name.startswith("!") and f"!{name}" not in names
        }

    def close(self, done: list[int]) -> Exchanged:
        """Counts the jobs that have succeeded, puts back what else is left, and removes the incarnation, in one step.

        What goes back is not charged, and goes to the front of where it came from. Empties `done` when Redis has
        confirmed it. Repeating it is harmless. Errors: StoreError; Fenced where recovery was faster.
        """
        if not self._announced:
            return Exchanged([])
        again, self._closing = self._closing, True
        keys = PackedKeys.of(
            self._hash,
            self._index,
            self._keys.queues,
            self._suspects,
            self._keys.failed_queues,
            *self._processed,
        )
        arguments = (self._incarnation.id, self._keys.queue_prefix, token_ranges(done))
        try:
            processed, returned = self._link.run_script(ScriptCall(CLOSE, keys, arguments))
        except Fenced:
            if not again:
                raise
            processed = returned = 0  # the first try's reply was lost, or recovery came: all is settled
        done.clear()
        return Exchanged([], processed=processed, returned=returned)

    def _run(self, calls: list[ScriptCall]) -> list[Reply]:
        """The replies to scripts; the first ones make the incarnation known before anything is reserved."""
        if self._registered:
            return self._link.run_scripts(calls)
        self._announced = True
        welcome, *replies = self._link.run_scripts([self._register(), *calls])
        if isinstance(welcome, ServerError):
            raise judge(welcome)
        self._registered = True
        if any(isinstance(reply, ServerError) and reply.code == "FENCED" for reply in replies):
            # The server did not know the script that registers: it was loaded, and run after the others.
            return self._link.run_scripts(calls)
        return replies

    def _register(self) -> ScriptCall:
        own = self._incarnation
        keys = PackedKeys.of(self._hash, self._index, self._keys.daemons)
        return ScriptCall(REGISTER, keys, (own.id, own.to_json(), self._source, own.life))

    def _outgoing(self, outbox: Outbox) -> list[tuple[list[Any], ScriptCall]]:
        outgoing: list[tuple[list[Any], ScriptCall]] = []
        self._ranges = ranges_of(outbox.done)
        if outbox.done:
            arguments: tuple[str, ...] = (ranges_text(self._ranges),)
            outgoing.append((outbox.done, ScriptCall(ACKNOWLEDGE, self._ack_keys, arguments)))
        if outbox.failed:
            outgoing.append(
                (outbox.failed, ScriptCall(FAIL, self._fail_keys, _fail_arguments(outbox.failed)))
            )
        if outbox.returned:
            everything = token_ranges(item.token for item in outbox.returned)
            begun = token_ranges(item.token for item in outbox.returned if item.begun)
            facts = (everything, begun, self._keys.queue_prefix, self._patience)
            outgoing.append((outbox.returned, ScriptCall(RETURN, self._return_keys, facts)))
        return outgoing

    @cached_property
    def _ack_keys(self) -> PackedKeys:
        return PackedKeys.of(self._hash, *self._processed)

    @cached_property
    def _fail_keys(self) -> PackedKeys:
        return PackedKeys.of(self._hash, self._keys.failed_queues, *self._processed, *self._failed)

    @cached_property
    def _return_keys(self) -> PackedKeys:
        return PackedKeys.of(self._hash, self._keys.queues, self._suspects)

    def _reserve(self, want: Want) -> ScriptCall:
        request = (self._seq, min(want.count, _BATCH_LIMIT), want.byte_budget)
        if self._source == "suspects":
            keys = PackedKeys.of(self._hash, self._suspects)
            return ScriptCall(RESERVE_SUSPECTS, keys, (*request, *want.closed))
        if want.queues is not self._queues:
            self._learn(want.queues)
        elif request == self._request and self._call is not None:
            return self._call  # as at every look at empty queues: a push finds it packed
        self._request = request
        self._call = ScriptCall(RESERVE, self._queue_keys, (*request, self._prefix_length, self._limits))
        return self._call

    def _learn(self, queues: tuple[tuple[str, int], ...]) -> None:
        names = tuple(name for name, _ in queues)
        if names != self._queue_names:
            self._queue_names = names
            self._queue_keys = PackedKeys.of(self._hash, *map(self._keys.queue, names))
        self._limits = ",".join(f"{i}:{limit}" for i, (_, limit) in enumerate(queues, 1) if limit)
        self._queues = queues

    def _accept(self, groups: list[Any]) -> list[Reservation]:
        batch: list[Reservation] = []
        base = self._seq << INDEX_BITS
        for at in range(0, len(groups), 3):
            payloads = groups[at + 2]
            first = base + groups[at + 1]
            name = repeat(self._names[groups[at]])
            batch += zip(range(first, first + len(payloads)), name, payloads, strict=False)
        if batch:
            self.ended.expect(self._seq, len(batch))
            self._seq += 1
        self._unsure = False
        return batch


class _Counts:
    """What Redis confirmed: counts of done and returned, the whole answer to failures."""

    done = 0
    failed: Sequence[Any] = (0, 0, b"")
    returned = 0


def _settle(
    outbox: Outbox, outgoing: list[tuple[list[Any], ScriptCall]], replies: list[Reply]
) -> tuple[_Counts, StoreError | None]:
    """Empties the parts of the outbox that Redis confirmed; the counts, and the first error."""
    counts = _Counts()
    error: StoreError | None = None
    for (items, _), reply in zip(outgoing, replies, strict=False):
        if isinstance(reply, ServerError):
            error = error or judge(reply)
            continue
        if items is outbox.done:
            counts.done = reply
        elif items is outbox.failed:
            counts.failed = reply
        else:
            counts.returned = reply
        items.clear()
    return counts, error


def _fail_arguments(failures: Sequence[Failure]) -> list[Argument]:
    arguments: list[Argument] = []
    for failure in failures:
        lists = failure.lists if failure.record is not None else ()
        arguments += (
            token_text(failure.token),
            (failure.record if lists else None) or b"",
            failure.failed_queue,
            len(lists),
            *lists,
        )
    return arguments
