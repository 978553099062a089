"""Gathers what is known of a queue or a job, from Redis and, where it answers, from the daemon of this host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from resqd import queue_specs
from resqd.explain.reasons import JobFacts, Listener, QueueFacts
from resqd.queue_specs import QueueSpec
from resqd.store.gates.gates import Gates, GateState
from resqd.store.keys import Keys
from resqd.store.names import matches
from resqd.store.resque.payload import decode_or_explain
from resqd.store.resque.sweep import FailureMoved

if TYPE_CHECKING:
    from resqd.store.redis.link import Link
    from resqd.store.resque.store import Store
    from resqd.store.resque.workers import WorkerStatus, WorkerThreadStatus

_SHOWN = 5
"""The most names that one sentence holds."""
_PAGE = 1_000

Status = Mapping[str, Any]
"""What `resqctl status --json` says of the daemon of this host."""


class Facts:
    """`here` is the status of this host's daemon, where there is one; `now` gives seconds since 1970."""

    def __init__(self, store: Store, *, here: Status | None, now: Callable[[], float]) -> None:
        self._store = store
        self._books = store.books
        self._here = here
        self._now = now

    def of_queue(self, name: str) -> QueueFacts:
        """All that is known of a queue. Errors: StoreError."""
        books = self._books
        state = next((each for each in books.overview.queues() if each.name == name), None)
        note = books.pauses.notes([name]).get(name)
        names = books.queues.names()
        return QueueFacts(
            name=name,
            size=0 if state is None else state.size,
            in_flight=0 if state is None else state.in_flight,
            listed=name in names,
            listeners=tuple(self._listeners(name)),
            paused_by=None if note is None else note.by or "",
            paused_at=None if note is None else note.at,
            paused_why=None if note is None else note.why,
            all_paused_by=books.pauses.by_key(),
            here=self._state_here(name),
            running=tuple(_job_name(each) for each in self._threads() if each.queue == name)[:_SHOWN],
            others=tuple(names[:_SHOWN]),
        )

    def of_job(self, job_id: str) -> JobFacts | None:
        """All that is known of a job; None where it is nowhere. Errors: StoreError."""
        waiting = self._store.on_later(lambda later: later.get(job_id))
        thread = next((each for each in self._threads() if each.payload.get("id") == job_id), None)
        holder, silent = self._holder(job_id)
        queue, position = self._position(job_id)
        found = JobFacts(
            job_id=job_id,
            due=None if waiting is None else waiting.due,
            tries=self._tries(job_id),
            parked=self._parked(job_id),
            running=None if thread is None else f"on {_place(thread)} since {thread.run_at}",
            in_flight=holder,
            holder_silent=silent,
            suspect_of=self._suspect_of(job_id),
            position=position,
            queue=None if queue is None else self.of_queue(queue),
            failed=self._failure(job_id),
        )
        return found if found != JobFacts(job_id, tries=found.tries) else None

    def _listeners(self, name: str) -> Iterator[Listener]:
        for worker in self._books.workers.all():
            specs = [spec for spec in _specs(worker) if matches(spec.pattern, name)]
            if not specs:
                continue
            threads = None
            if worker.id.worker_count is not None and worker.id.thread_count is not None:
                threads = worker.id.worker_count * worker.id.thread_count
            cap = specs[0].limit(threads or 1) if specs[0].capped else None
            yield Listener(worker.id.text, cap, threads, len(worker.threads_working()), self._silence(worker))

    def _silence(self, worker: WorkerStatus) -> float | None:
        try:
            beat = datetime.fromisoformat(worker.heartbeat or "")
        except ValueError:
            return None
        return max(0.0, self._now() - (beat if beat.tzinfo else beat.replace(tzinfo=UTC)).timestamp())

    def _state_here(self, name: str) -> str:
        here = self._here
        if here is None or here.get("state") in (None, "running"):
            return ""
        try:
            specs = queue_specs.queues(",".join(map(str, here["settings"]["queues"])))
        except (KeyError, ValueError):
            return ""
        if not any(matches(spec.pattern, name) for spec in specs):
            return ""
        reasons = ", ".join(map(str, here.get("pause_reasons") or ()))
        return f"{here['state']}{f' by {reasons}' if reasons else ''}"

    def _threads(self) -> list[WorkerThreadStatus]:
        return self._books.workers.threads_working()

    def _holder(self, job_id: str) -> tuple[str | None, float | None]:
        """Which incarnation holds the job, and for how many seconds its daemon has been silent."""
        held = self._books.overview.holder(job_id)
        if held is None:
            return None, None
        host = held.partition("/")[0]
        silences = [
            silence
            for worker in self._books.workers.all()
            if worker.ours and worker.id.host == host and (silence := self._silence(worker)) is not None
        ]
        return held, min(silences, default=None)

    def _suspect_of(self, job_id: str) -> str | None:
        return self._books.overview.suspect_of(job_id)

    def _position(self, job_id: str) -> tuple[str | None, int | None]:
        needle = job_id.encode("utf-8", "surrogateescape")
        for name in self._books.queues.names():
            for start in count(0, _PAGE):
                page = self._books.queues.peek(name, start, _PAGE)
                for at, raw in enumerate(page, start=start):
                    if needle in raw and decode_or_explain(raw).id == job_id:
                        return name, at
                if len(page) < _PAGE:
                    break
        return None, None

    def _failure(self, job_id: str) -> str | None:
        try:
            found = self._books.failures.find(job_id)
        except FailureMoved:
            return None
        return f"{found.exception}: {found.error} ({found.failed_at})"

    def _parked(self, job_id: str) -> str | None:
        def look(link: Link, keys: Keys) -> str | None:
            gates = Gates(link=link, keys=keys)
            job = gates.parked(job_id)
            return None if job is None else "; ".join(_gate(gates.gate_now(name)) for name in job.gates)

        return self._store.on_link(look)

    def _tries(self, job_id: str) -> tuple[str, ...]:
        tries = self._store.on_later(lambda later: later.attempts(job_id))
        return tuple(f"{each.get('exception')}: {each.get('error')}" for each in tries)


def _gate(gate: GateState) -> str:
    holders = f" ({', '.join(gate.holders[:_SHOWN])})" if gate.holders else ""
    return f"{gate.name}: {gate.used} hold it{holders}, {gate.waiting} wait"


def _specs(worker: WorkerStatus) -> tuple[QueueSpec, ...]:
    try:
        return queue_specs.queues(",".join(worker.id.queues))
    except ValueError:
        return tuple(QueueSpec(queue) for queue in worker.id.queues)


def _place(thread: WorkerThreadStatus) -> str:
    return f"thread {thread.thread} of process {thread.pid} of {thread.worker.id.text}"


def _job_name(thread: WorkerThreadStatus) -> str:
    payload = thread.payload
    return f"{payload.get('class')} {payload.get('id') or ''}".strip()
