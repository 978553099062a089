"""App: what a program registers its jobs with, enqueues them by, and asks about the queues."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, ClassVar, Literal, ParamSpec, TypeVar, overload

from resqd.definition import MAIN, Definition
from resqd.errors import JobDefinitionError, PayloadError, UnknownJob
from resqd.failures import FailurePolicy
from resqd.hooks import ProcessHooks
from resqd.job import Job, JobOptions
from resqd.resque_scheduler import ResqueScheduler
from resqd.store.redis.embedded import default_url
from resqd.store.resque import payload as payloads
from resqd.store.resque.store import Store
from resqd.testing import Inline, run_next

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from resqd.job import HasPerform, Outlet, Registrar
    from resqd.store.resque.books import Stats
    from resqd.store.resque.failed import Failures
    from resqd.store.resque.payload import Payload
    from resqd.store.resque.workers import WorkerManager

P = ParamSpec("P")
R = TypeVar("R")


class App:
    """A set of jobs, and the Redis that they go through.

    `redis_url` and `namespace` default to REDIS_URL (else the embedded server, else localhost) and
    RESQD_NAMESPACE, read at the first use. No socket is opened before that; a forked child opens its own.
    """

    job_type: ClassVar[type[Job[..., Any]]] = Job
    """What registering makes; resqd.contrib has its own."""

    def __init__(self, redis_url: str | None = None, namespace: str | None = None) -> None:
        self.jobs: dict[str, Job[..., Any]] = {}
        self.hooks = ProcessHooks()
        self.failure_policy = FailurePolicy()
        self._redis_url = redis_url
        self._namespace = namespace
        self._store: Store | None = None
        self._outlet: Outlet | None = None
        self.around: list[Callable[[], Iterator[None]]] = []
        """The hooks around all jobs; `around_each_job` adds to them."""

    @overload
    def job(self, target: HasPerform[P, R], /) -> Job[P, R]: ...
    @overload
    def job(self, target: Callable[P, R], /) -> Job[P, R]: ...
    @overload
    def job(
        self,
        /,
        *,
        queue: str | None = None,
        name: str | None = None,
        on_crash: Literal["retry", "fail"] | None = None,
        max_deliveries: int | None = None,
        skip_failed_queue: bool = False,
    ) -> Registrar: ...

    def job(
        self,
        target: Any = None,
        /,
        *,
        queue: str | None = None,
        name: str | None = None,
        on_crash: Literal["retry", "fail"] | None = None,
        max_deliveries: int | None = None,
        skip_failed_queue: bool = False,
    ) -> Any:
        """Register a function or a class with a static `perform`; as a decorator, with options or without.

        `name` is what payloads say as their class (default `module.qualname`), `queue` where `enqueue` puts
        them (default: the class's attribute `queue`, else "default"). For the options see JobOptions. Raises
        JobDefinitionError where the target cannot be a job or the name is taken.
        """
        options = JobOptions(
            on_crash=on_crash, max_deliveries=max_deliveries, skip_failed_queue=skip_failed_queue
        )

        def register(target: Any) -> Job[..., Any]:
            return self._register(Definition.of(target), queue=queue, name=name, options=options)

        return register if target is None else register(target)

    def _register(
        self, definition: Definition, *, queue: str | None, name: str | None, options: JobOptions
    ) -> Job[..., Any]:
        name, queue = definition.name_and_queue(name, queue)
        known = self.jobs.get(name)
        if known is not None and not known.is_again(definition):
            raise JobDefinitionError(f"there is a job named {name} already: {known.__qualname__}")
        job = self.job_type(definition, name=name, queue=queue, options=options, sender=self)
        for hook in self.around:
            job.surround(hook)
        if known is None or known.__module__ != MAIN:
            self.jobs[name] = job
        return job

    def around_each_job(self, hook: Callable[[], Iterator[None]]) -> None:
        """Wrap each run of every job, and callbacks for failures, in the generator `hook()`, which yields once."""
        for job in self.jobs.values():
            job.surround(hook)
        self.around.append(hook)

    def find(self, name: str) -> Job[..., Any]:
        """The job of that name; raises UnknownJob. Only what was registered is found: nothing is imported."""
        try:
            return self.jobs[name]
        except KeyError:
            raise UnknownJob(f"no job is registered as {name!r}") from None

    def run_hooks(self, name: str, *args: Any) -> None:
        """Call the process hooks of one kind; errors in them are logged, never fatal."""
        self.hooks.run(name, *args)

    # Enqueueing.

    def enqueue(self, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any) -> str | None:
        """Put a registered job, given itself or by name, on its queue; its id, or None where a hook vetoed."""
        job = self.find(job) if isinstance(job, str) else job
        return self.send(job, job.queue, job.bind(args, kwargs))

    def enqueue_to(self, queue: str, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any) -> str | None:
        """Put a job on any queue. A name that is not registered here goes as it is, for workers that know it."""
        job = self.jobs.get(job, job) if isinstance(job, str) else job
        if isinstance(job, Job):
            return self.send(job, queue, job.bind(args, kwargs))
        if kwargs:
            raise TypeError(f"{job} is not registered here, so keyword arguments have no positions")
        if not job.strip():
            raise PayloadError("a job's name cannot be blank")
        job_id, raw = payloads.encode_new(job, args, enqueued_at=time.time())
        self._push(queue, [raw])
        return job_id

    def enqueue_many(self, job: Job[..., Any] | str, batch: Iterable[Sequence[Any]], /) -> list[str | None]:
        """Put one job for each list or tuple of arguments on the job's queue; see Job.enqueue_many."""
        job = self.find(job) if isinstance(job, str) else job
        return job.enqueue_many(batch)

    def send(self, job: Job[..., Any], queue: str, args: Sequence[Any]) -> str | None:
        """Put one job with bound arguments on a queue; its id, or None where a before_enqueue hook vetoed."""
        if not job.plain_enqueue and not job.hooks.allow("before_enqueue", args):
            return None
        job_id, raw = payloads.encode_new(job.name, args, enqueued_at=time.time())
        self._push(queue, [raw])
        if not job.plain_enqueue:
            job.hooks.notify("after_enqueue", args)
        return job_id

    def send_many(self, job: Job[..., Any], queue: str, batch: Iterable[Sequence[Any]]) -> list[str | None]:
        """Put many jobs on a queue, 2,000 to a round trip; their ids, None for each that a hook vetoed.

        Where one fails its error is raised; those before it have pushed their jobs.
        """
        rows = list(batch)
        if not job.hooks.of("before_enqueue"):
            return [*self._send_rows(job, queue, rows)]
        allowed = [job.hooks.allow("before_enqueue", args) for args in rows]
        ids = iter(
            self._send_rows(job, queue, [args for args, allow in zip(rows, allowed, strict=True) if allow])
        )
        return [next(ids) if allow else None for allow in allowed]

    def _send_rows(self, job: Job[..., Any], queue: str, rows: list[Sequence[Any]]) -> list[str]:
        pairs = list(payloads.encode_many(job.name, rows, enqueued_at=time.time()))
        self._push(queue, [raw for _, raw in pairs])
        if job.hooks.of("after_enqueue"):
            for args in rows:
                job.hooks.notify("after_enqueue", args)
        return [job_id for job_id, _ in pairs]

    def _push(self, queue: str, raws: list[bytes]) -> None:
        outlet = (self._store or self.store) if self._outlet is None else self._outlet
        outlet.push(queue, raws)

    @property
    def inline(self) -> bool:
        """Whether enqueueing runs the job at once, in the calling thread, without Redis."""
        return isinstance(self._outlet, Inline)

    @inline.setter
    def inline(self, inline: bool) -> None:
        self._outlet = Inline(self.find) if inline else None

    def run_one(self, *queues: str) -> Payload | None:
        """Take the oldest job of these queues (default: all) and run it here; the job, or None if there is none.

        For tests and scripts: a job that fails is recorded in `failed`, and its error raised; one whose
        process dies meanwhile is lost, as in Resque.
        """
        names, policy = queues or self.queues(), self.failure_policy
        return run_next(self.store, names, jobs=self.jobs, policy=policy, around=self.around)

    def redirect(self, outlet: Outlet | None) -> Outlet | None:
        """Send what is enqueued to a stand-in, or to Redis again (None); what it went to before."""
        before, self._outlet = self._outlet, outlet
        return before

    # Looking at the queues, and changing them.

    def dequeue(self, job: Job[..., Any] | str, /, *args: Any) -> int:
        """Delete a job's waiting payloads, all or those with these arguments; how many went (vetoed: 0)."""
        job = self.find(job) if isinstance(job, str) else job
        if not job.hooks.allow("before_dequeue", args):
            return 0
        deleted = self.store.books.queues.delete(job.queue, payloads.matcher(job.name, args or None))
        job.hooks.notify("after_dequeue", args)
        return deleted

    def push(self, queue: str, item: Mapping[str, Any] | bytes) -> None:
        """Append a payload to a queue: its bytes, or an object with `class` and `args`."""
        self._push(queue, [item if isinstance(item, bytes) else payloads.dump(item)])

    def pop(self, queue: str) -> Payload | None:
        """Take the oldest job off a queue; one that cannot be decoded is put back and raises PayloadError."""
        raw = self.store.books.queues.pop(queue)
        if raw is None:
            return None
        try:
            return payloads.decode(raw)
        except PayloadError:
            self.store.books.queues.push_front(queue, raw)
            raise

    def peek(self, queue: str, start: int = 0, count: int = 1) -> list[Payload]:
        """Up to `count` jobs from position `start` on; one that cannot be decoded says so as its class."""
        return [payloads.decode_or_explain(raw) for raw in self.store.books.queues.peek(queue, start, count)]

    def size(self, queue: str) -> int:
        """How many jobs wait in a queue."""
        return self.store.books.queues.size(queue)

    def queues(self) -> list[str]:
        """The names of all queues, sorted."""
        return self.store.books.queues.names()

    def queue_sizes(self) -> dict[str, int]:
        """How many jobs wait, by queue."""
        return self.store.books.queues.sizes()

    def sample_queues(self, count: int = 1_000) -> dict[str, dict[str, Any]]:
        """By queue, its `size` and up to `count` of its oldest jobs as `samples`."""
        sizes = self.store.books.queues.sizes()
        return {name: {"size": size, "samples": self.peek(name, 0, count)} for name, size in sizes.items()}

    def remove_queue(self, queue: str) -> int:
        """Delete a queue with all its jobs; how many there were."""
        return self.store.books.queues.remove(queue)

    def info(self) -> dict[str, Any]:
        """Resque's overview: pending, processed, queues, workers, working, failed."""
        return self.store.books.info()

    def keys(self) -> list[str]:
        """Every key of the namespace without its prefix; walks the whole database."""
        return self.store.books.all_keys()

    @property
    def stats(self) -> Stats:
        """The counters of jobs processed and failed."""
        return self.store.books.stats

    @property
    def failures(self) -> Failures:
        """The failed lists: look, requeue, remove, clear."""
        return self.store.books.failures

    @property
    def resque_scheduler(self) -> ResqueScheduler:
        """The delayed jobs and schedules of Ruby's resque-scheduler on the same Redis."""
        return ResqueScheduler(self, redirected=self._outlet is not None)

    @property
    def workers(self) -> WorkerManager:
        """The registered workers of all hosts."""
        return self.store.books.workers

    # The store.

    def configure(self, *, redis_url: str | None = None, namespace: str | None = None) -> None:
        """Fill in what the constructor was not given, before the first use; the daemon's flags come this way."""
        self._redis_url = redis_url or self._redis_url
        self._namespace = namespace or self._namespace
        self._store = None

    @property
    def store(self) -> Store:
        """The store, made at the first use. Two threads may both make one at first; either serves."""
        if self._store is None:
            url = self._redis_url or default_url(os.environ)[0]
            namespace = self._namespace or os.environ.get("RESQD_NAMESPACE") or "resque"
            self._store = Store.of(url=url, namespace=namespace)
        return self._store
