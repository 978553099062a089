"""What the facts mean: reasons in words, each with what to do about it. Nothing is asked here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

SILENT = 30.0
"""Seconds without a heartbeat after which a worker counts as silent; recovery has its own, stricter rule."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: a word for programs, a sentence for people, and what to do; `stops`: nothing runs because of it."""

    name: str
    says: str
    remedy: str = ""
    stops: bool = True


@dataclass(frozen=True, slots=True)
class Listener:
    """A worker that listens to the queue; `silent` is how many seconds its last heartbeat is old, None if unknown.

    `cap` is how many of the queue's jobs it runs at once at the most, `threads` how many it has in all, both None
    where that is not told, and `busy` how many of these run a job now.
    """

    name: str
    cap: int | None
    threads: int | None
    busy: int
    silent: float | None


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What is known of a queue. `size` is None where its key is no list; times are in seconds."""

    name: str
    size: int | None
    in_flight: int
    listed: bool
    listeners: tuple[Listener, ...]
    paused_by: str | None = None
    """Who paused it, as far as it is told; None: nobody."""
    paused_at: float | None = None
    paused_why: str | None = None
    all_paused_by: str = ""
    """The key that pauses all queues."""
    here: str = ""
    """What the daemon of this host is, where it listens to the queue and is not running: paused by ..., draining."""
    running: tuple[str, ...] = ()
    """The queue's jobs that run now, by name."""
    others: tuple[str, ...] = field(default=())
    """Other queues that there are, for a name that there is not."""


def of_queue(facts: QueueFacts) -> list[Reason]:
    """Why the queue's jobs wait, the reasons that stop all first."""
    return [*_of_queue(facts)]


def _of_queue(facts: QueueFacts) -> Iterator[Reason]:
    name = facts.name
    if facts.size is None:
        yield Reason(
            "wrong_type",
            f"the key of queue {name} is not a list, so nobody can take jobs from it",
            "something else wrote that key: look at it with redis-cli TYPE, and rename or delete it",
        )
        return
    if not facts.listed and not facts.size and not facts.in_flight:
        known = f"there are {', '.join(facts.others)}" if facts.others else "there are no queues"
        yield Reason("unknown", f"there is no queue {name}: nothing was ever enqueued there", known)
    yield from _pauses(facts)
    living = [each for each in facts.listeners if each.silent is None or each.silent < SILENT]
    yield from _nobody(facts, living)
    if living:
        yield from _full(facts, living)
    if not facts.size:
        yield Reason("empty", f"queue {name} is empty", stops=False)


def _pauses(facts: QueueFacts) -> Iterator[Reason]:
    if facts.all_paused_by:
        yield Reason(
            "all_paused",
            f"all queues are paused by the key {facts.all_paused_by}",
            f"whoever set it ends it; by hand: redis-cli DEL of that key, {facts.all_paused_by}",
        )
    if facts.paused_by is not None:
        since = "" if facts.paused_at is None else f" since {moment(facts.paused_at)}"
        why = f": {facts.paused_why}" if facts.paused_why else ""
        yield Reason(
            "paused",
            f"queue {facts.name} is paused by {facts.paused_by or 'somebody'}{since}{why}",
            f"resqd resume-queue {facts.name}",
        )
    if facts.here:
        yield Reason(
            "daemon_paused", f"the daemon of this host is {facts.here}", "resqctl resume", stops=False
        )


def _nobody(facts: QueueFacts, living: list[Listener]) -> Iterator[Reason]:
    silent = [each for each in facts.listeners if each not in living]
    for each in silent:
        yield Reason(
            "silent",
            f"{each.name} listens, and has had no heartbeat for {each.silent or 0:.0f} s",
            "is its process alive, and can it reach Redis? Its jobs are recovered when it is dead",
            stops=not living,
        )
    if not facts.listeners:
        yield Reason(
            "unheard",
            f"nobody listens to queue {facts.name}",
            f"start a daemon that does: resqd start --queues {facts.name}, or add it to QUEUES of one that runs",
        )


def _full(facts: QueueFacts, living: list[Listener]) -> Iterator[Reason]:
    running = f" ({', '.join(facts.running)})" if facts.running else ""
    caps = [each.cap for each in living]
    if facts.size and None not in caps and facts.in_flight >= sum(cap or 0 for cap in caps):
        yield Reason(
            "capped",
            f"the cap of queue {facts.name} is full: {facts.in_flight} of its jobs run{running}",
            "wait for one of them to end, or raise the cap in QUEUES",
        )
    elif facts.size and all(each.threads is not None and each.busy >= each.threads for each in living):
        yield Reason(
            "busy",
            f"all threads of those who listen are busy: {sum(each.busy for each in living)}",
            "more threads, workers or hosts: resqctl scale +1, or --threads",
        )
    elif facts.size:
        yield Reason(
            "served",
            f"{len(living)} listen to queue {facts.name}, and {facts.size} jobs wait their turn",
            "the order of QUEUES is strict: queues before this one are served first",
            stops=False,
        )


@dataclass(frozen=True, slots=True)
class JobFacts:
    """Where a job was found, each None where it was not there; `running` is on which thread, and since when."""

    job_id: str
    due: float | None = None
    """When it runs later, in seconds since 1970."""
    tries: tuple[str, ...] = ()
    """The errors of its last tries."""
    parked: str | None = None
    """The limits that it waits for, with who holds them."""
    running: str | None = None
    in_flight: str | None = None
    """Which worker holds it, not on a thread."""
    holder_silent: float | None = None
    suspect_of: str | None = None
    """The daemon where it waits to be run alone."""
    position: int | None = None
    """How many jobs wait before it in its queue."""
    queue: QueueFacts | None = None
    failed: str | None = None
    """Its error, and when."""


def of_job(facts: JobFacts) -> list[Reason]:
    """Where the job is, and why it does not run there."""
    return [*_of_job(facts)] or [
        Reason(
            "gone",
            f"job {facts.job_id} is nowhere: it has ended, was removed, or never was",
            "ids are shown by `enqueue`, `resqd peek` and the log; another --namespace or --redis-url has other jobs",
        )
    ]


def _of_job(facts: JobFacts) -> Iterator[Reason]:
    job = f"job {facts.job_id}"
    if facts.due is not None:
        tried = f" after {len(facts.tries)} failed tries, the last: {facts.tries[-1]}" if facts.tries else ""
        yield Reason(
            "later",
            f"{job} runs later, at {moment(facts.due)}{tried}",
            f"resqd later run {facts.job_id} runs it now, resqd later cancel takes it away",
        )
    if facts.parked is not None:
        yield Reason(
            "parked",
            f"{job} waits for a limit that is full: {facts.parked}",
            "resqd limits show NAME says more, resqd limits set lets more pass",
        )
    if facts.running is not None:
        yield Reason(
            "running",
            f"{job} runs, {facts.running}",
            f"resqctl stacks shows where; resqctl kill {facts.job_id}",
            stops=False,
        )
    if facts.in_flight is not None:
        silent = facts.holder_silent or 0.0
        if silent >= SILENT:
            yield Reason(
                "holder_silent",
                f"{job} is held by {facts.in_flight}, which has been silent for {silent:.0f} s",
                "when it is dead, another daemon brings the job back after PRUNE_INTERVAL",
            )
        elif facts.running is None:
            yield Reason(
                "in_flight",
                f"{job} was taken by {facts.in_flight}, and waits for a thread there",
                stops=False,
            )
    if facts.suspect_of is not None:
        yield Reason(
            "suspect",
            f"{job} waits to be run alone by {facts.suspect_of}: it ran when a process died, and may have been why",
            "that daemon runs its suspects one by one; is it up?",
        )
    if facts.position is not None and facts.queue is not None:
        yield Reason(
            "waiting", f"{job} waits in queue {facts.queue.name}, behind {facts.position} others", stops=False
        )
        yield from of_queue(facts.queue)
    if facts.failed is not None:
        yield Reason(
            "failed",
            f"{job} failed: {facts.failed}",
            f"resqd failed show {facts.job_id}, resqd failed requeue {facts.job_id}",
        )


def moment(timestamp: float) -> str:
    """A time as people read it, in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
