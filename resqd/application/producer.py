"""Enqueueing: from a job and its arguments to payloads on a queue, with the job's hooks before and after."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from resqd.application import aside
from resqd.application.outlet import Outlet, Stock
from resqd.errors import AlreadyEnqueued, BatchError, PayloadError, StoreError
from resqd.sealing import MARK
from resqd.store.debts import OWES
from resqd.store.later.later import MICRO, When
from resqd.store.resque import encoding
from resqd.store.resque.outcome import debt_for
from resqd.store.unique.locks import Claim, Terms
from resqd.using import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextvars import ContextVar

    from resqd.application.batches import Batch
    from resqd.cron.declared import Declared
    from resqd.job import Job
    from resqd.tracing import Tracer
    from resqd.unique import Unique


NOTHING: Final[Mapping[str, Any]] = {}


class Producer:
    """Puts jobs on queues. `store` gives the store at each push, since a fork has another one than its parent."""

    def __init__(self, store: Callable[[], Stock]) -> None:
        self._store = store
        self.outlet: Outlet | None = None
        """The stand-in that takes what is enqueued; None: Redis takes it."""
        self.gathering: ContextVar[Batch | None] | None = None
        """The batch whose block a thread is in; None: there has been no batch."""
        self.timetable: Declared | None = None
        """The entries of jobs that recur, which the daemon's housekeeper enqueues; None: there are none."""
        self.tracer: Tracer | None = None
        """Who is told of each enqueueing; None: nobody."""

    def where(self, *, keyed: bool = False) -> Outlet:
        """Who takes payloads now; `keyed`: of jobs that have a key which the payloads do not tell."""
        if (away := aside.now()) is not None:
            return away.outlet(self, keyed=keyed)
        return self.direct(keyed=keyed)

    def direct(self, *, keyed: bool = False) -> Outlet:
        """Redis, or the stand-in for it; see `where`."""
        return self.outlet or (self._store().home if keyed else self._store())

    def send(self, job: Job[..., Any], queue: str, args: Sequence[Any]) -> str | None:
        """Put one job with bound arguments on a queue; its id, or None where a before_enqueue hook vetoed."""
        if not job.plain_enqueue:
            if job.unique is not None or self.tracer is not None:
                return self.deliver(job, args, Delivery(queue=queue))
            if not job.hooks.allow("before_enqueue", args):
                return None
        if job.seal is not None:
            [(job_id, raw)] = self.encoded(job, [args], time.time())
        else:
            job_id, raw = encoding.encode_new(job.name, args, enqueued_at=time.time())
        if job.marked:
            [(_, raw)] = self._marked(job, [(job_id, raw)])
        if self.gathering is None:
            self.push(queue, [raw], keyed=job.gauge is not None)
        else:
            self._push(queue, [(job_id, raw)], keyed=job.gauge is not None)
        if not job.plain_enqueue:
            job.hooks.notify("after_enqueue", args)
        return job_id

    def send_many(self, job: Job[..., Any], queue: str, batch: Iterable[Sequence[Any]]) -> list[str | None]:
        """Put many jobs on a queue, 2,000 to a round trip; their ids, None for each that a hook vetoed.

        Where one fails its error is raised; those before it have pushed their jobs.
        """
        rows = list(batch)
        if job.unique is not None or self.tracer is not None:
            return self.deliver_many(job, rows, Delivery(queue=queue))
        if not job.hooks.of("before_enqueue"):
            return [*self._send_rows(job, queue, rows)]
        allowed = [job.hooks.allow("before_enqueue", args) for args in rows]
        ids = iter(
            self._send_rows(job, queue, [args for args, allow in zip(rows, allowed, strict=True) if allow])
        )
        return [next(ids) if allow else None for allow in allowed]

    def _send_rows(self, job: Job[..., Any], queue: str, rows: list[Sequence[Any]]) -> list[str]:
        pairs = self.encoded(job, rows, time.time())
        if job.marked:
            pairs = self._marked(job, pairs)
        self._push(queue, pairs, keyed=job.gauge is not None)
        if job.hooks.of("after_enqueue"):
            for args in rows:
                job.hooks.notify("after_enqueue", args)
        return [job_id for job_id, _ in pairs]

    def deliver(self, job: Job[..., Any], args: Sequence[Any], delivery: Delivery) -> str | None:
        """Put one job as told; its id, or None where a before_enqueue hook vetoed."""
        if not job.plain_enqueue:
            [job_id] = self.deliver_many(job, [args], delivery)
            return job_id
        if job.seal is not None:
            [pair] = self.encoded(job, [args], _due(delivery.when))
        else:
            pair = encoding.encode_new(job.name, args, enqueued_at=_due(delivery.when))
        self._put(job, [pair], delivery)
        return pair[0]

    def deliver_many(
        self, job: Job[..., Any], batch: Iterable[Sequence[Any]], delivery: Delivery
    ) -> list[str | None]:
        """Put many jobs as told; their ids, None for each that a before_enqueue hook vetoed."""
        rows = [args if job.hooks.allow("before_enqueue", args) else None for args in batch]
        allowed = [args for args in rows if args is not None]
        pairs = self.encoded(job, allowed, _due(delivery.when))
        if self.tracer is None or not pairs:
            ids = iter(self._enter(job, allowed, pairs, delivery))
        else:
            with self.tracer.sending(job.name, delivery.queue or job.queue, pairs) as carrying:
                ids = iter(self._enter(job, allowed, carrying, delivery))
        return [None if args is None else next(ids) for args in rows]

    @staticmethod
    def encoded(
        job: Job[..., Any], rows: Sequence[Sequence[Any]], enqueued_at: float
    ) -> list[tuple[str, bytes]]:
        """Ids and payloads, encrypted where the application has keys. Errors: PayloadError."""
        if (seal := job.seal) is not None:
            rows = [seal.args(encoding.written(job.name, args)) for args in rows]
        return list(encoding.encode_many(job.name, rows, enqueued_at=enqueued_at))

    def _enter(
        self,
        job: Job[..., Any],
        rows: list[Sequence[Any]],
        pairs: list[tuple[str, bytes]],
        delivery: Delivery,
    ) -> list[str | None]:
        """Put jobs; their ids, None for each that is unique and there already. Errors: AlreadyEnqueued."""
        queue, ids = delivery.queue or job.queue, [job_id for job_id, _ in pairs]
        holders: list[str | None] = [None] * len(pairs)
        if job.unique is None:
            self._put(job, pairs, delivery)
        else:
            prints = [job.fingerprints.of(queue, args) for args in rows]
            holders = self._put_unique(job, pairs, prints, job.unique, delivery)
        for args, holder in zip(
            rows, holders, strict=False
        ):  # a conflict that is to be raised is the last one
            if holder is None:
                job.hooks.notify("after_enqueue", args)
            elif job.unique is not None and job.unique.on_conflict == "raise":
                raise AlreadyEnqueued(job.name, holder)
        return [job_id if holder is None else None for job_id, holder in zip(ids, holders, strict=True)]

    def _put_unique(
        self,
        job: Job[..., Any],
        pairs: list[tuple[str, bytes]],
        prints: list[str],
        unique: Unique,
        delivery: Delivery,
    ) -> list[str | None]:
        queue, claims = delivery.queue or job.queue, []
        for fingerprint, (job_id, raw) in zip(prints, pairs, strict=True):
            marks = self._marks(job, job_id, {**delivery.marks, **unique.marks(fingerprint, job_id)})
            claims.append(Claim(fingerprint, job_id, encoding.marked(raw, marks) if marks else raw))
        terms = Terms.of(unique.on_conflict, unique.window or 0.0, unique.max_hold)
        return self.put_unique(queue, claims, terms, delivery)

    def _put(self, job: Job[..., Any], pairs: list[tuple[str, bytes]], delivery: Delivery) -> None:
        queue, keyed = delivery.queue or job.queue, job.gauge is not None
        if delivery.marks or job.marked:
            pairs = self._marked(job, pairs, delivery.marks)
        if self.gathering is not None and (batch := self.gathering.get()) is not None:
            batch.take(queue, pairs, when=delivery.when, front=delivery.front)
        elif delivery.when is not None:
            self.put_later(queue, pairs, delivery.when, keyed=keyed)
        elif delivery.front:
            self.push_front(queue, [raw for _, raw in pairs], keyed=keyed)
        else:
            self.push(queue, [raw for _, raw in pairs], keyed=keyed)

    def _marked(
        self, job: Job[..., Any], pairs: list[tuple[str, bytes]], marks: Mapping[str, Any] = NOTHING
    ) -> list[tuple[str, bytes]]:
        """The same with what travels in the payloads for whoever runs the jobs, and whoever ends them."""
        return [(job_id, encoding.marked(raw, self._marks(job, job_id, marks))) for job_id, raw in pairs]

    def _marks(self, job: Job[..., Any], job_id: str, marks: Mapping[str, Any]) -> Mapping[str, Any]:
        """The marks, with what a job owes whose end is kept, and that it is encrypted."""
        if job.seal is not None:
            marks = {**marks, MARK: 1}
        kept = job.options.keep_result
        if kept is None:
            return marks
        self.where().keeps_results()
        return {**marks, OWES: {**marks.get(OWES, {}), **dict([debt_for(job_id, kept)])}}

    def send_unregistered(self, name: str, queue: str, args: Sequence[Any]) -> str:
        """Put a job of which only the name is known on a queue; its id. Errors: PayloadError."""
        if not name.strip():
            raise PayloadError("a job's name cannot be blank")
        job_id, raw = encoding.encode_new(name, args, enqueued_at=time.time())
        if self.tracer is None:
            self._push(queue, [(job_id, raw)])
        else:
            with self.tracer.sending(name, queue, [(job_id, raw)]) as carrying:
                self._push(queue, carrying)
        return job_id

    def _push(self, queue: str, pairs: list[tuple[str, bytes]], *, keyed: bool = False) -> None:
        """Put jobs on a queue, or with the batch whose block this is."""
        if self.gathering is not None and (batch := self.gathering.get()) is not None:
            batch.take(queue, pairs)
        else:
            self.push(queue, [raw for _, raw in pairs], keyed=keyed)

    def put_unique(
        self, queue: str, claims: list[Claim], terms: Terms, delivery: Delivery
    ) -> list[str | None]:
        """Put jobs with their locks; for each None, or which job has it.

        Errors: BatchError in the block of a batch, since whether they have their locks is known at once or not at all.
        """
        if self.gathering is not None and self.gathering.get() is not None:
            raise BatchError(
                "a unique job cannot belong to a batch; enqueue it before the block, or behind it"
            )
        try:
            return self.where().put_unique(queue, claims, terms, when=delivery.when, front=delivery.front)
        except StoreError as error:
            raise _from_here(error) from None

    def push(self, queue: str, raws: list[bytes], *, keyed: bool = False) -> None:
        """Put payloads on a queue, or where the stand-in has them; `keyed`: the job is under limits."""
        try:
            self.where(keyed=keyed).push(queue, raws)
        except StoreError as error:
            raise _from_here(error) from None

    def push_front(self, queue: str, raws: list[bytes], *, keyed: bool = False) -> None:
        """Put payloads before all that wait on a queue."""
        try:
            self.where(keyed=keyed).push_front(queue, raws)
        except StoreError as error:
            raise _from_here(error) from None

    def put_later(
        self, queue: str, jobs: list[tuple[str, bytes]], when: When, *, keyed: bool = False
    ) -> None:
        """Put jobs where they wait for a moment."""
        try:
            self.where(keyed=keyed).put_later(queue, jobs, when)
        except StoreError as error:
            raise _from_here(error) from None

    def redirect(self, outlet: Outlet | None) -> Outlet | None:
        """Send what is enqueued to a stand-in, or to Redis again (None); what it went to before."""
        before, self.outlet = self.outlet, outlet
        return before


def _due(when: When | None) -> float:
    """When a job counts as enqueued, for its time of waiting and its expiry: as it is due."""
    if when is None:
        return time.time()
    return when.micros / MICRO + (time.time() if when.relative else 0.0)


def _from_here(error: StoreError) -> StoreError:
    """The same error: what led to it inside resqd would hide the caller's own line, and the text tells it."""
    return error.with_traceback(None)
