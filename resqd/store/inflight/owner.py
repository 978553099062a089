"""The owner's side of jobs in flight: reserve, acknowledge, fail and return, in one exchange with Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from resqd.errors import Fenced, StoreError
from resqd.store.debts import owed_by, settle_call
from resqd.store.inflight.calls import Calls, FromQueues, FromSuspects, Key, Source, read_batch
from resqd.store.inflight.ended import Ended
from resqd.store.inflight.outbox import (
    Dismiss,
    Exchanged,
    Failure,
    Outbox,
    Postpone,
    Recorded,
    Reservation,
    Return,
    Tally,
    Want,
)
from resqd.store.inflight.tokens import ranges_of, token_from_text, tokens_of
from resqd.store.keys import Keys, Names, to_text
from resqd.store.redis.protocol import ScriptCall, ServerError, judge, missing_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from resqd.store.inflight.incarnation import Incarnation
    from resqd.store.redis.connection import Reply
    from resqd.store.redis.link import Link

__all__ = [
    "Dismiss",
    "Exchanged",
    "Failure",
    "Inflight",
    "Outbox",
    "Postpone",
    "Recorded",
    "Reservation",
    "Return",
    "Source",
    "Tally",
    "Want",
]


Locks = Callable[[bytes, list[bytes]], list[bytes]]
"""The keys to delete for the payloads that were taken off a queue."""
_MOST_MET: Final = 64
"""Queues that are named on suspicion."""


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
        locks: Locks | None = None,
        releases: bool = False,
        time_heard: Callable[[float], object] = lambda _time: None,
    ) -> None:
        self._link = link
        self._keys = keys
        self._calls = calls = Calls(keys=keys, incarnation=incarnation, worker_id=worker_id)
        self._source = source
        self._time_heard = time_heard
        self._from = (
            FromSuspects(inflight=calls.inflight, suspects=keys.suspects(incarnation.daemon))
            if source == "suspects"
            else FromQueues(inflight=calls.inflight, keys=keys)
        )
        self._locks = locks
        self._releases = releases  # whether there are jobs whose locks hold until they begin
        self._names = Names()
        self._seq = 1
        self._unsure = False
        self._announced = False  # Redis may have heard of us
        self._registered = False  # it has said so
        self._closing = False
        self._ranges: list[tuple[int, int]] = []  # of what is being acknowledged
        self.ended = Ended()
        """What has succeeded by Redis's own word."""

    def exchange(self, outbox: Outbox, want: Want | None = None) -> Exchanged:
        """Tells Redis what is in the outbox and reserves, in one pipeline; each reply is judged by itself.

        What was confirmed leaves the outbox even when another part failed, whose error is then raised: Fenced,
        StoreUnavailable or another StoreError. After an error the next exchange asks with the same sequence
        number: a batch whose reply was lost, or not handed out, comes then, even when `want` is None.
        """
        outgoing = self._outgoing(outbox)
        calls = [call for _, call in outgoing]
        if want is not None or self._unsure:
            calls.append(self._from.reserve(self._seq, want or Want(0)))
            self._unsure = True
        if not calls:
            return Exchanged([])
        replies = self._run(calls)
        if outbox.returned:
            self._name_queues(outbox.returned, replies, len(outgoing) - 1)
        counts, error = _settle(outbox, outgoing, replies)
        if self._ranges and not outbox.done:
            self.ended.add(self._ranges)
        answer = replies[-1] if len(replies) > len(outgoing) else ([], [])
        if isinstance(answer, ServerError):
            error = error or judge(answer)
        if error:
            raise error
        if self._locks is not None and answer[0]:
            self._unlock(self._locks, answer[0])
        if self._releases and answer[0]:
            self._release(answer[0])
        skipped = tuple(map(to_text, answer[1])) if answer[1] else ()
        return counts.exchanged(self._accept(answer[0]), skipped)

    def record(self) -> Recorded:
        """Tries again to record failed jobs whose records were refused. Errors: StoreError."""
        recorded, left, refusal = self._link.run_naming(self._calls.record)
        return Recorded(recorded, left, to_text(refusal))

    def look(self) -> set[int] | None:
        """The jobs that Redis has in flight for us, but for those that have failed and only wait to be recorded.

        None where Redis need not know us. Errors: StoreError; a replica is not asked.
        """
        if not self._registered:
            return None
        try:
            self._time_heard(_seconds(self._link.call("TIME")))
            fields = self._link.run_script(self._calls.fields())
        except Fenced:
            if not self._closing:
                raise
            return None  # the good-bye was said, and only its answer lost
        return tokens_of(fields)

    def close(self, done: list[int]) -> Exchanged:
        """Counts the jobs that have succeeded, puts back what else is left, and removes the incarnation, in one step.

        What goes back is not charged, and goes to the front of where it came from. Empties `done` when Redis has
        confirmed it. Repeating it is harmless. Errors: StoreError; Fenced where recovery was faster.
        """
        if not self._announced:
            return Exchanged([])
        again, self._closing = self._closing, True
        try:
            processed, returned = self._link.run_naming(partial(self._calls.close, done), self._met())
        except Fenced:
            if not again:
                raise
            processed = returned = 0  # the first try's reply was lost, or recovery came: all is settled
        self.ended.add(ranges_of(done))
        done.clear()
        return Exchanged([], processed=processed, returned=returned)

    def _run(self, calls: list[ScriptCall]) -> list[Reply]:
        """The replies to scripts; the first ones make the incarnation known before anything is reserved."""
        if self._registered:
            return self._link.run_scripts(calls)
        self._announced = True
        welcome, *replies = self._link.run_scripts([self._calls.register(self._source), *calls])
        if isinstance(welcome, ServerError):
            raise judge(welcome)
        self._registered = True
        self._time_heard(_seconds(welcome))
        if any(isinstance(reply, ServerError) and reply.code == "FENCED" for reply in replies):
            # The server did not know the script that registers: it was loaded, and run after the others.
            return self._link.run_scripts(calls)
        return replies

    def _outgoing(self, outbox: Outbox) -> list[tuple[list[Any], ScriptCall]]:
        outgoing: list[tuple[list[Any], ScriptCall]] = []
        self._ranges = ranges_of(outbox.done)
        if outbox.done:
            outgoing.append((outbox.done, self._calls.acknowledge(self._ranges)))
        if outbox.failed:
            outgoing.append((outbox.failed, self._calls.fail(outbox.failed)))
        if outbox.postponed:
            outgoing.append((outbox.postponed, self._calls.postpone(outbox.postponed)))
        if outbox.dismissed:
            outgoing.append((outbox.dismissed, self._calls.dismiss(outbox.dismissed)))
        if outbox.returned:  # the last one: see _name_queues
            outgoing.append((outbox.returned, self._calls.put_back(outbox.returned, self._met())))
        return outgoing

    def _name_queues(self, returned: list[Return], replies: list[Reply], at: int) -> None:
        """Where the script that puts jobs back misses their queues among its keys, call it again with these."""
        named = self._met()
        while missing := missing_keys(replies[at]):
            named += missing
            [replies[at]] = self._link.run_scripts([self._calls.put_back(returned, named)])

    def _met(self) -> list[Key]:
        """The lists of the queues whose jobs came lately: those that are left here are mostly of these."""
        return (
            [self._keys.queue(name) for name in self._names.values()] if len(self._names) <= _MOST_MET else []
        )

    def _unlock(self, locks: Locks, groups: list[Any]) -> None:
        """Delete the locks of jobs that were taken, before they begin. When it raises, the same batch comes again."""
        keys = [key for at in range(0, len(groups), 3) for key in locks(groups[at], groups[at + 2])]
        if keys:
            self._link.call("DEL", *keys)

    def _release(self, groups: list[Any]) -> None:
        """Settle what jobs owe as they begin, before they do. When it raises, the same batch comes again."""
        raws = [raw for at in range(2, len(groups), 3) for raw in groups[at]]
        if owing := [owed for raw in raws if (owed := owed_by(raw))]:
            self._link.run_script(settle_call("begun", owing, self._keys))

    def _accept(self, groups: list[Any]) -> list[Reservation]:
        batch = read_batch(self._seq, groups, self._names)
        if batch:
            self.ended.expect(self._seq, len(batch))
            self._seq += 1
        self._unsure = False
        return batch


def _seconds(time: Sequence[bytes]) -> float:
    """The server's answer to TIME."""
    return int(time[0]) + int(time[1]) / 1_000_000


@dataclass(slots=True)
class _Counts:
    """What Redis confirmed, in the scripts' own answers."""

    done: int = 0
    failed: Sequence[Any] = (0, 0, b"", 0)
    returned: int = 0
    postponed: Sequence[Any] = (0, 0, 0, b"")
    dismissed: Sequence[int] = (0, 0, 0)
    unmoved: tuple[Postpone, ...] = ()

    def exchanged(self, batch: list[Reservation], skipped: tuple[str, ...]) -> Exchanged:
        failed, withheld, refusal, late = self.failed
        moved, retried, late_moved, unmoved_why = self.postponed[:4]
        done, discarded, expired = self.dismissed
        return Exchanged(
            batch,
            processed=self.done + failed + done + discarded,
            failed=failed,
            returned=self.returned,
            skipped=skipped,
            withheld=withheld,
            refusal=to_text(refusal or unmoved_why),
            postponed=moved,
            unmoved=self.unmoved,
            tally=Tally(retried, discarded, expired, late + late_moved),
        )


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
        elif items is outbox.postponed:
            counts.postponed = reply
            left = {token_from_text(to_text(token)) for token in reply[4:]}
            counts.unmoved = tuple(each for each in outbox.postponed if each.token in left)
        elif items is outbox.dismissed:
            counts.dismissed = reply
        else:
            counts.returned = reply
        items.clear()
    return counts, error
