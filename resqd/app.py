"""App: what a program registers its jobs with, enqueues them by, and asks about the queues."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar, Unpack, overload

from resqd.application.access import Access
from resqd.application.catalog import Catalog
from resqd.application.parts import Parts
from resqd.application.producer import Producer
from resqd.cron.releases import release_text
from resqd.definition import Definition
from resqd.failures import FailurePolicy
from resqd.hooks import ProcessHooks
from resqd.job import Job
from resqd.options import GivenOptions, JobOptions
from resqd.resque_scheduler import ResqueScheduler
from resqd.store.resque import payload as payloads
from resqd.testing import Inline, run_next

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from resqd.cron.options import GivenRecurrence
    from resqd.job import HasPerform, Registrar
    from resqd.store.resque.payload import Payload

P = ParamSpec("P")
R = TypeVar("R")


class App(Access):
    """A set of jobs, and the Redis that they go through.

    `redis_url` and `namespace` default to REDIS_URL (else the embedded server, else localhost) and
    RESQD_NAMESPACE, read at the first use. No socket is opened before that; a forked child opens its own.

    Entries of `cron` belong to the application: `name` (default: where the daemon was told to find it) tells it from
    others in the same namespace, and `release`, a number that grows such as 42 or "2026.11.3", its releases from each
    other where two are alive at a time.
    """

    _job_type: ClassVar[type[Job[..., Any]]] = Job
    _producer_type: ClassVar[type[Producer]] = Producer
    # What registering makes, and what enqueues; resqd.contrib has its own of both.

    def __init__(
        self,
        redis_url: str | None = None,
        namespace: str | None = None,
        *,
        name: str | None = None,
        release: str | int | None = None,
    ) -> None:
        super().__init__(redis_url, namespace)
        self.name = name
        self.release = release_text(release)
        producer = self._producer_type(lambda: self._store or self.store)
        self._parts = Parts(Catalog(job_type=self._job_type, sender=producer), producer)
        self.hooks = ProcessHooks()
        self.failure_policy = FailurePolicy()

    # Registering.

    @overload
    def job(self, target: HasPerform[P, R], /) -> Job[P, R]: ...
    @overload
    def job(self, target: Callable[P, R], /) -> Job[P, R]: ...
    @overload
    def job(
        self, /, *, queue: str | None = None, name: str | None = None, **options: Unpack[GivenOptions]
    ) -> Registrar: ...

    def job(
        self,
        target: Any = None,
        /,
        *,
        queue: str | None = None,
        name: str | None = None,
        **options: Unpack[GivenOptions],
    ) -> Any:
        """Register a function or a class with a static `perform`; as a decorator, with options or without.

        `name` is what payloads say as their class (default `module.qualname`), `queue` where `enqueue` puts
        them (default: the class's attribute `queue`, else "default"). For the options see JobOptions. Raises
        JobDefinitionError where the target cannot be a job or the name is taken.
        """
        checked = JobOptions.of(options)

        def register(target: Any) -> Job[..., Any]:
            return self._parts.catalog.add(Definition.of(target), queue=queue, name=name, options=checked)

        return register if target is None else register(target)

    @property
    def jobs(self) -> Mapping[str, Job[..., Any]]:
        """The registered jobs by name."""
        return MappingProxyType(self._parts.catalog.jobs)

    def around_each_job(self, hook: Callable[[], Iterator[None]]) -> None:
        """Wrap each run of every job, and callbacks for failures, in the generator `hook()`, which yields once."""
        self._parts.catalog.surround(hook)

    def find(self, name: str) -> Job[..., Any]:
        """The job of that name; raises UnknownJob. Only what was registered is found: nothing is imported."""
        return self._parts.catalog.find(name)

    def cron(
        self,
        expression: str,
        job: Job[..., Any] | str,
        /,
        *,
        args: Sequence[Any] = (),
        tz: str = "UTC",
        **options: Unpack[GivenRecurrence],
    ) -> None:
        """Enqueue a job whenever a cron expression of five fields says so, in a time zone, once in the whole fleet.

        For the options see GivenRecurrence, and Job.every for periods. Hooks around enqueueing are not called.
        Errors: JobDefinitionError, UnknownJob; PayloadError and TypeError for the arguments.
        """
        from resqd import recurring  # noqa: PLC0415 - who declares nothing does not pay for it

        job = self.find(job) if isinstance(job, str) else job
        recurring.by_cron(self._parts.producer, job, expression, tz=tz, args=args, options=options)

    # Enqueueing.

    def enqueue(self, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any) -> str | None:
        """Put a registered job, given itself or by name, on its queue; its id, or None where a hook vetoed."""
        job = self.find(job) if isinstance(job, str) else job
        return job.enqueue(*args, **kwargs)

    def enqueue_to(self, queue: str, job: Job[..., Any] | str, /, *args: Any, **kwargs: Any) -> str | None:
        """Put a job on any queue. A name that is not registered here goes as it is, for workers that know it."""
        job = self._parts.catalog.jobs.get(job, job) if isinstance(job, str) else job
        if isinstance(job, Job):
            return job.enqueue_to(queue, *args, **kwargs)
        if kwargs:
            raise TypeError(f"{job} is not registered here, so keyword arguments have no positions")
        return self._parts.producer.send_unregistered(job, queue, args)

    def enqueue_many(self, job: Job[..., Any] | str, batch: Iterable[Sequence[Any]], /) -> list[str | None]:
        """Put one job for each list or tuple of arguments on the job's queue; see Job.enqueue_many."""
        job = self.find(job) if isinstance(job, str) else job
        return job.enqueue_many(batch)

    def push(self, queue: str, item: Mapping[str, Any] | bytes) -> None:
        """Append a payload to a queue: its bytes, or an object with `class` and `args`."""
        self._parts.producer.push(queue, [item if isinstance(item, bytes) else payloads.dump(item)])

    def dequeue(self, job: Job[..., Any] | str, /, *args: Any) -> int:
        """Delete a job's waiting payloads, all or those with these arguments; how many went (vetoed: 0)."""
        job = self.find(job) if isinstance(job, str) else job
        if not job.hooks.allow("before_dequeue", args):
            return 0
        deleted = self.store.books.queues.delete(job.queue, payloads.matcher(job.name, args or None))
        job.hooks.notify("after_dequeue", args)
        return deleted

    @property
    def resque_scheduler(self) -> ResqueScheduler:
        """The delayed jobs and schedules of Ruby's resque-scheduler on the same Redis."""
        return ResqueScheduler(self, redirected=self._parts.producer.outlet is not None)

    # Running jobs without a daemon.

    @property
    def inline(self) -> bool:
        """Whether enqueueing runs the job at once, in the calling thread, without Redis."""
        return isinstance(self._parts.producer.outlet, Inline)

    @inline.setter
    def inline(self, inline: bool) -> None:
        self._parts.producer.outlet = Inline(self.find) if inline else None

    def run_one(self, *queues: str) -> Payload | None:
        """Take the oldest job of these queues (default: all) and run it here; the job, or None if there is none.

        For tests and scripts: a job that fails is recorded in `failed`, and its error raised; one whose
        process dies meanwhile is lost, as in Resque.
        """
        names, catalog = queues or self.queues(), self._parts.catalog
        policy = self.failure_policy
        return run_next(self.store, names, jobs=catalog.jobs, policy=policy, around=catalog.around)
