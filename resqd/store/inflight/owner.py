"""The owner's side of jobs in flight: reserve, acknowledge, fail and return, in one exchange with Redis."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from resqd.errors import Fenced
from resqd.store.debts import owed_by, settle_call
from resqd.store.inflight.calls import Calls, FromQueues, FromSuspects, Key, Source, named_by, read_batch
from resqd.store.inflight.confirmed import Part, settle
from resqd.store.inflight.departures import Departures, Homeward
from resqd.store.inflight.ended import Ended
from resqd.store.inflight.outbox import (
    ALL,
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
from resqd.store.inflight.slots import Admitted, Gating, Slots
from resqd.store.inflight.tokens import ranges_of, tokens_of
from resqd.store.keys import Keys
from resqd.store.names import Names, to_bytes, to_text
from resqd.store.redis.protocol import ScriptCall, ServerError, judge, missing_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

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
        gating: Gating | None = None,
        homeward: Homeward | None = None,
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
        self._slots = Slots(
            link=link, keys=keys, inflight=calls.inflight, gating=gating, force=source == "suspects"
        )
        self.departures = Departures(link=link, calls=calls, homeward=homeward)
        self._names = Names()
        self._seq = 1
        self._unsure = False
        self._announced = False  # Redis may have heard of us
        self._registered = False  # it has said so
        self._closing = False
        self._most = ALL
        self._ranges: list[tuple[int, int]] = []  # of what is being acknowledged
        self.key = calls.inflight
        """The hash that they are in."""
        self.ended = Ended()
        """What has succeeded by Redis's own word."""

    def exchange(self, outbox: Outbox, want: Want | None = None) -> Exchanged:
        """Tells Redis what is in the outbox and reserves, in one pipeline; each reply is judged by itself.

        What was confirmed leaves the outbox even when another part failed, whose error is then raised: Fenced,
        StoreUnavailable or another StoreError. After an error the next exchange asks with the same sequence
        number: a batch whose reply was lost, or not handed out, comes then, even when `want` is None.
        """
        ended = outbox.tokens if self._slots else []
        outgoing = self._outgoing(outbox)
        calls = [part.call(part.named) for part in outgoing]
        gates, later = self._slots.to_settle(outbox)
        if gates:
            calls.append(self._slots.settle(gates, self._met()))
        again = self._unsure
        if reserving := want is not None or again:
            calls.append(self._from.reserve(self._seq, want or Want(0)))
            self._unsure = True
        self._most = want.begin if want else self._most
        if not calls:
            return Exchanged([])
        replies = self._run(calls)
        self._name_keys(outgoing, replies)
        counts, error = settle(outbox, outgoing, replies)
        if self._ranges and not outbox.done:
            self.ended.add(self._ranges)
        answer = replies[-1] if reserving else ([], [])
        if isinstance(answer, ServerError):
            error = error or judge(answer)
        if error:
            raise error
        self._slots.forget(ended)
        counts.passed = self._passed(gates, replies[len(outgoing)]) if gates else 0
        if later := [*later, *(name for name in counts.awaited if name not in gates)]:
            counts.passed += self._slots.wake(later, self._met())
        if self._locks is not None and answer[0]:
            self._unlock(self._locks, answer[0])
        skipped = tuple(map(to_text, answer[1])) if answer[1] else ()
        admitted = self._accept(answer[0], again=again)
        outbox.returned += [Return(token) for token in admitted.over]
        return counts.exchanged(admitted, skipped)

    def hold_more(self) -> None:
        """Jobs will hold slots of gates that were not asked for here; any thread may say so."""
        self._slots.used = True

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
            held = self._slots.tokens
            named = [*self._met(), *self._slots.keys(held)]
            processed, returned = self._link.run_naming(partial(self._calls.close, done), named)
            if held:
                self._slots.wake(self._slots.gates(held), self._met())
                self._slots.forget(held)
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

    def _outgoing(self, outbox: Outbox) -> list[Part]:
        calls, outgoing = self._calls, []
        self._ranges = ranges_of(outbox.done)
        if outbox.checkpoints:  # first: a job that goes back takes along how far it has come
            noted = dict(outbox.checkpoints)
            outgoing.append(Part(outbox.checkpoints, lambda _named: calls.checkpoint(noted), []))
        if outbox.done:
            outgoing.append(
                Part(
                    outbox.done,
                    partial(calls.acknowledge, self._ranges, gated=self._slots.used),
                    self._held(outbox.done),
                )
            )
        for items, call in (
            (outbox.failed, calls.fail),
            (outbox.postponed, calls.postpone),
            (outbox.dismissed, calls.dismiss),
            (outbox.returned, calls.put_back),
        ):
            if items:
                named = self._held([item.token for item in items]) if self._slots else []
                named += self._met() if items is outbox.returned else []
                outgoing.append(Part(items, partial(call, [*items]), named))
        return outgoing

    def _held(self, tokens: Iterable[int]) -> list[Key]:
        return self._slots.keys(tokens) if self._slots else []

    def _name_keys(self, outgoing: list[Part], replies: list[Reply]) -> None:
        """Where a script misses keys among its own, such as jobs' queues, call it again with these."""
        for at, part in enumerate(outgoing):
            while missing := missing_keys(replies[at]):
                part.named += missing
                [replies[at]] = self._link.run_scripts([part.call(part.named)])

    def _passed(self, gates: Sequence[str], reply: Reply) -> int:
        """How many others went on, now that jobs hold these gates no more."""
        if isinstance(reply, ServerError) or missing_keys(reply):
            return self._slots.wake(gates, [*self._met(), *missing_keys(reply)])
        return int(reply[0])

    def _met(self) -> list[Key]:
        """The lists of the queues whose jobs came lately: those that are left here are mostly of these."""
        return (
            [self._keys.queue(name) for name in self._names.values()] if len(self._names) <= _MOST_MET else []
        )

    def _unlock(self, locks: Locks, groups: list[Any]) -> None:
        """Delete the locks of jobs that were taken, before they begin. When it raises, the same batch comes again."""
        keys = [key for queue, payloads in self._by_queue(groups) for key in locks(queue, payloads)]
        if keys:
            self._link.call("DEL", *keys)

    def _by_queue(self, groups: list[Any]) -> Iterator[tuple[bytes, list[bytes]]]:
        for at in range(0, len(groups), 3):
            named, payloads = groups[at], groups[at + 2]
            if isinstance(named, bytes):
                yield named, payloads
            else:
                for queue, payload in zip(named_by(named, self._from.names), payloads, strict=True):
                    yield to_bytes(queue), [payload]

    def _release(self, batch: list[Reservation]) -> None:
        """Settle what jobs owe as they begin, before they do. When it raises, the same batch comes again."""
        if owing := [owed for _, _, raw in batch if (owed := owed_by(raw))]:
            self._link.run_script(settle_call("begun", owing, self._keys))

    def _accept(self, groups: list[Any], *, again: bool) -> Admitted:
        """The batch, without what is parked. When it raises, the same batch comes again: what is left of it."""
        batch = read_batch(self._seq, groups, self._names, self._from.names)
        admitted = self._slots.admit(self.departures.send(batch), self._most)
        if self._releases:
            self._release(admitted.batch)
        if batch:
            self.ended.expect(self._seq, len(batch))
        if batch or again:  # all of a batch that came again may be elsewhere by now
            self._seq += 1
        self._unsure = False
        self._slots.sure()
        return admitted


def _seconds(time: Sequence[bytes]) -> float:
    """The server's answer to TIME."""
    return int(time[0]) + int(time[1]) / 1_000_000
