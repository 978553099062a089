"""Batches as an application makes them and looks at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Self

from resqd.application import aside
from resqd.application.gathering import belonging, callback
from resqd.current import current_job
from resqd.errors import BatchDone, BatchError
from resqd.store.batches.filling import DEEPEST, Facts, Filler, Item, Lineage
from resqd.store.debts import member_of
from resqd.store.resque.encoding import new_id

if TYPE_CHECKING:
    from types import TracebackType

    from resqd.application.outlet import Outlet
    from resqd.application.producer import Producer
    from resqd.store.keys import Keys
    from resqd.store.later.later import When
    from resqd.store.redis.link import Link
    from resqd.store.resque.store import Store
    from resqd.tracing import Gathering
    from resqd.using import Signature


class Batch:
    """Jobs that belong together; what its block enqueues belongs to it, and goes to Redis when the block has ended.

    Made by App.batch, and by App.own_batch for the batch that the running job belongs to.
    """

    def __init__(
        self,
        room: Room,
        lineage: Lineage,
        *,
        facts: Facts | None = None,
        member: str = "",
        trace: Gathering | None = None,
    ) -> None:
        self._room = room
        self._trace = trace
        self._lineage = lineage
        self._facts = facts
        self._member = member
        self._items: list[Item] = []
        self._inner: list[Batch] = []
        self._around: Token[Batch | None] | None = None
        self._belongs = " ".join(lineage.ids)

    @property
    def id(self) -> str:
        """What it is found by."""
        return self._lineage.id

    def __enter__(self) -> Self:
        if self._around is not None or (self._facts is None and not self._member):
            raise BatchError("the block of a batch is entered once")
        self._around = self._room.current.set(self)
        if self._trace is not None:
            self._trace.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._around is not None:
            self._room.current.reset(self._around)
        if self._trace is None:
            self._close(kind)
            return
        try:
            self._close(kind)
        except BaseException as why:
            self._trace.__exit__(type(why), why, why.__traceback__)
            raise
        self._trace.__exit__(kind, error, trace)

    def _close(self, kind: type[BaseException] | None) -> None:
        if kind is None:
            self._room.enter(self)

    def take(
        self, queue: str, jobs: Sequence[tuple[str, bytes]], *, when: When | None = None, front: bool = False
    ) -> None:
        """Jobs, by id and payload, that its block has enqueued. Errors: BatchError for those of a transaction."""
        if aside.now() is not None:
            raise BatchError(
                "a job of a batch cannot wait for a transaction; make the batch after the commit"
            )
        belongs = self._belongs
        self._items += [
            Item(queue, job_id, belonging(raw, "batch", f"{job_id} {belongs}"), when, front)
            for job_id, raw in jobs
        ]

    def hold(self, inner: Batch) -> None:
        """A batch inside it, which goes with it."""
        self._inner.append(inner)

    def fill(self, link: Link, keys: Keys) -> None:
        """Put everything. Errors: BatchDone, StoreError."""
        filler = Filler(link, keys, self._lineage, facts=self._facts, member=self._member)
        self._facts, self._member = None, ""
        if self._inner:
            filler.add((), (), seal=False)
        for inner in self._inner:
            inner.fill(link, keys)
        self.fill_by(filler)

    def fill_by(self, filler: Filler) -> None:
        """Put its own jobs."""
        filler.add((), self._items, seal=True)

    def hand_over(self, outlet: Outlet) -> None:
        """Give everything to a stand-in for Redis, which knows no batches."""
        for inner in self._inner:
            inner.hand_over(outlet)
        for item in self._items:
            if item.when is not None:
                outlet.put_later(item.queue, [(item.id, item.raw)], item.when)
            else:
                (outlet.push_front if item.front else outlet.push)(item.queue, [item.raw])


class Room:
    """Where the batches of an App are made: they know which one's block a thread is in, and where Redis is."""

    def __init__(self, producer: Producer, store: Callable[[], Store]) -> None:
        self.current: ContextVar[Batch | None] = ContextVar("batch", default=None)
        self._producer = producer
        self._store = store
        producer.gathering = self.current

    def lineage(self) -> Lineage:
        """That of a new batch. Errors: BatchError, where too many are inside each other."""
        around = self.current.get()
        ids = (new_id(), *(around._lineage.ids if around is not None else ()))  # noqa: SLF001 - of the same room
        if len(ids) > DEEPEST:
            raise BatchError(f"there may be {DEEPEST} batches inside each other, and no more")
        return Lineage(ids)

    def trace(self, kind: str, lineage: Lineage, description: str) -> Gathering | None:
        """Tell whoever listens that a batch is made; None: nobody does."""
        tracer = self._producer.tracer
        return None if tracer is None else tracer.gathering(kind, lineage.id, description)

    def enter(self, batch: Batch) -> None:
        """Put what a block has enqueued, with the batch around it if there is one."""
        around = self.current.get()
        if around is not None:
            around.hold(batch)
        elif self._producer.outlet is not None:
            batch.hand_over(self._producer.outlet)
        else:
            self._store().on_link(batch.fill)

    def own(self) -> Batch:
        """The batch of the running job, to add to. Errors: BatchDone, where there is none."""
        job = current_job()
        found = member_of(job.owes) if job is not None else None
        if found is None:
            raise BatchDone(
                "the running job belongs to no batch" if job else "no job is running in this thread"
            )
        member, ids = found
        return Batch(self, Lineage(ids), member=member)


def made(room: Room, *, on_success: Signature | None, on_done: Signature | None, description: str) -> Batch:
    """A batch for a block."""
    lineage = room.lineage()
    trace = room.trace("batch", lineage, description)
    return Batch(room, lineage, facts=facts(on_success, on_done, description, trace), trace=trace)


def facts(
    on_success: Signature | None,
    on_done: Signature | None,
    description: str,
    trace: Gathering | None,
    **extra: str,
) -> Facts:
    """What a batch is told. Errors: TypeError, PayloadError."""
    with nullcontext() if trace is None else trace.creating():
        return Facts(
            description,
            callback("on_success", on_success),
            callback("on_done", on_done),
            extra,
        )
