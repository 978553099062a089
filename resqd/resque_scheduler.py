"""`app.resque_scheduler`: the delayed jobs of Ruby's resque-scheduler, for applications that share a Redis with it."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from resqd.errors import PayloadError
from resqd.job import Job
from resqd.store.names import to_text
from resqd.store.resque import payload as payloads
from resqd.store.scheduler.delayed_job import DelayedJob, read, write
from resqd.store.scheduler.retry_keys import retry_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from resqd.store.resque.store import Store
    from resqd.store.scheduler.delayed import Delayed


@dataclass(frozen=True, slots=True)
class Entry:
    """A delayed job as it lies in Redis; a class in brackets says why `raw` cannot be read."""

    at: datetime
    job_class: str
    args: list[Any]
    queue: str | None
    raw: bytes
    retries: int | None = None
    """How often resque-retry has tried it again; None: it has not."""
    last_error: str | None = None
    """What resque-retry has kept of its last failure."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that was made at run time (`persist`): its name, its configuration, when it last enqueued its job."""

    name: str
    config: Mapping[str, Any]
    last_enqueued: str | None


class Home(Protocol):
    """What is needed of an App."""

    @property
    def jobs(self) -> Mapping[str, Job[..., Any]]:
        """The registered jobs by name."""

    @property
    def store(self) -> Store:
        """The Redis that it uses."""

    def enqueue_to(self, queue: str, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any) -> str | None:
        """Put a job on a queue at once; its id, or None where a hook vetoed."""


class ResqueScheduler:
    """Reads and writes Ruby's keys. The names are those of Ruby's methods; a job is given itself, or its class's name.

    Who moves the jobs when they are due is Ruby's scheduler, or a daemon with RESQUE_SCHEDULER=yield or take.
    Errors: StoreError; PayloadError for arguments that Ruby could not read; TypeError for those that do not fit.
    """

    def __init__(self, app: Home, *, redirected: bool, wall: Callable[[], float] = time.time) -> None:
        self._app = app
        self._redirected = redirected
        self._wall = wall

    def enqueue_at(
        self, when: datetime | float, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> bool:
        """Delay a job until `when`, a datetime with a time zone or seconds since 1970; False where a hook vetoed.

        A time that has come enqueues it at once, as in Ruby; so do `inline` and the tests of resqd.testing. Hooks
        around enqueueing are called now: what moves the job may be Ruby.
        """
        return self._delay(when, job, None, args, kwargs)

    def enqueue_at_with_queue(
        self, queue: str, when: datetime | float, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> bool:
        """The same for any queue; a class of Ruby's needs one."""
        return self._delay(when, job, queue, args, kwargs)

    def enqueue_in(
        self, delay: timedelta | float, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> bool:
        """Delay a job by so many seconds."""
        return self._delay(self._wall() + _seconds(delay), job, None, args, kwargs)

    def enqueue_in_with_queue(
        self, queue: str, delay: timedelta | float, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> bool:
        """The same for any queue."""
        return self._delay(self._wall() + _seconds(delay), job, queue, args, kwargs)

    def remove_delayed(self, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any) -> int:
        """Take back a job's delayed ones with exactly these arguments; how many there were."""
        return self._delayed.remove(self._payload(job, None, args, kwargs))

    def remove_delayed_in_queue(
        self, queue: str, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> int:
        """The same for those that are for one queue."""
        return self._delayed.remove(self._payload(job, queue, args, kwargs))

    def remove_at(
        self, when: datetime | float, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> int:
        """Take back those that are due at one moment."""
        return self._delayed.remove(self._payload(job, None, args, kwargs), timestamp=_timestamp(when))

    def scheduled_at(self, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any) -> list[datetime]:
        """When a job with exactly these arguments is due, earliest first."""
        return [_moment(at) for at in self._delayed.moments_of(self._payload(job, None, args, kwargs))]

    def entries(self, start: int = 0, count: int = 100) -> list[Entry]:
        """Up to `count` delayed jobs in order of their times, of all classes and queues, after the first `start`."""
        found: list[Entry] = []
        for at in self._delayed.moments():
            if len(found) >= count:
                break
            size = self._delayed.count(at)
            if start >= size:
                start -= size
                continue
            raws = self._delayed.payloads(at, start, count - len(found))
            found += [_entry(at, raw) for raw in raws]
            start = 0
        return self._with_retries(found)

    def count(self, when: datetime | float | None = None) -> int:
        """How many jobs are delayed, in all or until one moment (a whole second)."""
        return self._delayed.count(None if when is None else _timestamp(when))

    def timestamps(self, start: int = 0, count: int | None = None) -> list[datetime]:
        """The moments at which something is due, earliest first."""
        return [_moment(at) for at in self._delayed.moments(start, count)]

    def schedules(self) -> list[Schedule]:
        """The schedules that were made at run time, by name. Those of a schedule.yml are in no Redis."""
        return list(self._schedules())

    def holder(self, lock_prefix: str = "") -> str | None:
        """Which process (`host:pid`) is the scheduler that works now; None where none is."""
        found = self._delayed.holder(lock_prefix)
        return None if found is None else to_text(found)

    def _with_retries(self, entries: list[Entry]) -> list[Entry]:
        keys = [retry_key(entry.job_class, entry.args) for entry in entries]
        counts = self._delayed.retries(keys)
        return [
            entry if count is None else replace(entry, retries=count, last_error=error)
            for entry, (count, error) in zip(entries, counts, strict=True)
        ]

    def _schedules(self) -> Iterator[Schedule]:
        last = self._delayed.last_enqueued()
        for name, raw in sorted(self._delayed.schedules().items()):
            at = last.get(name)
            yield Schedule(to_text(name), _config(raw), None if at is None else to_text(at))

    @property
    def _delayed(self) -> Delayed:
        # It brings redis-py, which each fork of a worker would carry: see Store.books.
        from resqd.store.scheduler.delayed import Delayed  # noqa: PLC0415 - see above

        return self._app.store.books.open(Delayed)

    def _delay(
        self,
        when: datetime | float,
        job: Job[..., Any] | str,
        queue: str | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> bool:
        timestamp = _timestamp(when)
        known, queue = self._known(job), queue or self._queue_of(job)
        if timestamp <= int(self._wall()) or self._redirected:
            return self._app.enqueue_to(queue, job, *args, **kwargs) is not None
        payload = self._payload(job, queue, args, kwargs)
        bound = known.bind(args, kwargs) if known else args
        if known and not known.hooks.allow("before_enqueue", bound):
            return False
        self._delayed.push(timestamp, payload)
        if known:
            known.hooks.notify("after_enqueue", bound)
        return True

    def _payload(
        self, job: Job[..., Any] | str, queue: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> bytes:
        known = self._known(job)
        if known is None and kwargs:
            raise TypeError(f"{job} is not registered here, so keyword arguments have no positions")
        name = known.name if known else str(job)
        return write(name, known.bind(args, kwargs) if known else args, queue or self._queue_of(job))

    def _known(self, job: Job[..., Any] | str) -> Job[..., Any] | None:
        return self._app.jobs.get(job) if isinstance(job, str) else job

    def _queue_of(self, job: Job[..., Any] | str) -> str:
        known = self._known(job)
        if known is None:
            raise PayloadError(
                f"{job} is not registered here, so its queue is not known; use the method that takes a queue"
            )
        return known.queue


def _timestamp(when: datetime | float) -> int:
    """The whole second in which a time falls, as Ruby's Time#to_i."""
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise ValueError(f"{when!r} has no time zone; give one, such as tzinfo=UTC")
        when = when.timestamp()
    return math.floor(when)


def _seconds(delay: timedelta | float) -> float:
    return delay.total_seconds() if isinstance(delay, timedelta) else delay


def _moment(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


def _entry(timestamp: int, raw: bytes) -> Entry:
    try:
        job = read(raw)
    except PayloadError as error:
        job = DelayedJob(f"({error})", [], None)
    return Entry(_moment(timestamp), job.job_class, job.args, job.queue, raw)


def _config(raw: bytes) -> dict[str, Any]:
    """A schedule's configuration; where it is none, an object that says so."""
    try:
        value = payloads.load(raw)
    except PayloadError as error:
        return {"error": str(error)}
    return value if isinstance(value, dict) else {"error": f"not an object: {json.dumps(value)[:100]}"}
