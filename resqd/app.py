"""App: what a program registers its jobs with, enqueues them by, and asks about the queues."""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar, Unpack, overload

from resqd.application import batches, workflows
from resqd.application.async_places import AsyncPlaces
from resqd.application.batch_book import BatchBook
from resqd.application.batches import Batch, Room
from resqd.application.catalog import Catalog
from resqd.application.modules import JOBS
from resqd.application.parts import Parts
from resqd.application.producer import Producer
from resqd.application.results import Result
from resqd.application.workflows import Workflow
from resqd.by_hand import run_next
from resqd.class_job import ClassJob
from resqd.cron.releases import release_text
from resqd.definition import Definition
from resqd.failures import FailurePolicy
from resqd.job import Job
from resqd.options import GivenOptions, JobOptions, defaults_of
from resqd.process_hooks import ProcessHooks
from resqd.sealing import Keyring
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads
from resqd.testing import Inline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from resqd.cron.options import GivenRecurrence
    from resqd.forms import Arguments
    from resqd.registrar import HasPerform, Registrar
    from resqd.resque_scheduler import ResqueScheduler
    from resqd.store.resque.payload import Payload
    from resqd.using import Signature

P = ParamSpec("P")
R = TypeVar("R")


AJob = Job[..., Any] | type[ClassJob] | str
"""A job itself, a class job as type checkers see it, or a name."""


class App(AsyncPlaces):
    """A set of jobs, and the Redis that they go through.

    `modules` are those that hold the jobs, as in ["orders.jobs", "mail.jobs"]; they are imported where jobs are
    looked for, by a daemon say, and not here, so they may import the App. `redis_url` and
    `namespace` default to REDIS_URL (else the embedded server, else localhost) and RESQD_NAMESPACE, read at
    the first use. No socket is opened before that; a forked child opens its own. With `arguments=resqd.typed` they
    are converted by the jobs' annotations. `defaults` are options of every job, as in {"retry": 5}, where the job
    itself does not say otherwise. With `keys` arguments and results are encrypted: the first one encrypts, all decrypt.

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
        modules: Sequence[str] = (),
        arguments: Arguments | None = None,
        defaults: GivenOptions | None = None,
        keys: Sequence[str | bytes] | None = None,
    ) -> None:
        super().__init__(redis_url, namespace)
        self.name = name
        self.release = release_text(release)
        producer = self._producer_type(lambda: self._store or self.store)
        keyring = Keyring(keys) if keys is not None else None
        self._parts = Parts(Catalog(job_type=self._job_type, sender=producer, keyring=keyring), producer)
        self._parts.catalog.modules.name(_names("modules", modules), because=f"{self!r}")
        self._arguments = arguments
        self._defaults: Mapping[str, Any] = defaults_of(defaults or {})
        self.hooks = ProcessHooks()
        self.failure_policy = FailurePolicy()

    def __repr__(self) -> str:
        return f"App(name={self.name!r})" if self.name else "App()"

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
        checked = JobOptions.of({**self._defaults, **options})

        def register(target: Any) -> Job[..., Any]:
            return self._parts.catalog.add(
                Definition.of(target, ruby=checked.ruby, arguments=self._arguments),
                queue=queue,
                name=name,
                options=checked,
            )

        return register if target is None else register(target)

    def discover(self, *packages: str) -> None:
        """Name the module `jobs` of each of these packages as one that holds jobs; see `modules` of App."""
        for package in _names("discover", packages):
            because = f"discover({package!r})"
            self._parts.catalog.modules.name([f"{package}.{JOBS}"], because=because)

    @property
    def jobs(self) -> Mapping[str, Job[..., Any]]:
        """The jobs by name; the named modules have been imported then."""
        self._parts.catalog.modules.load()
        return MappingProxyType(self._parts.catalog.jobs)

    def around_each_job(self, hook: Callable[[], Iterator[None]]) -> None:
        """Wrap each run of every job, and callbacks for failures, in the generator `hook()`, which yields once."""
        self._parts.catalog.surround(hook)

    def find(self, name: str) -> Job[..., Any]:
        """The job of that name, of the modules that were named if need be; raises UnknownJob.

        The name itself makes nothing be imported.
        """
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

    def enqueue(self, job: AJob, /, *args: Any, **kwargs: Any) -> str | None:
        """Put a registered job, given itself or by name, on its queue; its id, or None where a hook vetoed."""
        return self._job(job).enqueue(*args, **kwargs)

    def enqueue_to(self, queue: str, job: AJob, /, *args: Any, **kwargs: Any) -> str | None:
        """Put a job on any queue. A name that is not registered here goes as it is, for workers that know it."""
        found = self.jobs.get(job) if isinstance(job, str) else self._job(job)
        if found is not None or not isinstance(job, str):
            return self._job(job).enqueue_to(queue, *args, **kwargs)
        if kwargs:
            raise TypeError(f"{job} is not registered here, so keyword arguments have no positions")
        return self._parts.producer.send_unregistered(job, queue, args)

    def enqueue_many(self, job: AJob, batch: Iterable[Sequence[Any]], /) -> list[str | None]:
        """Put one job for each list or tuple of arguments on the job's queue; see Job.enqueue_many."""
        return self._job(job).enqueue_many(batch)

    def _job(self, job: AJob) -> Job[..., Any]:
        if isinstance(job, str):
            return self.find(job)
        if not isinstance(job, Job):
            raise TypeError(f"{job!r} is no job: give what `@app.job` has made of it, or a name")
        return job

    def enqueue_in(self, delay: float | timedelta, job: AJob, /, *args: Any, **kwargs: Any) -> str | None:
        """Let a registered job, given itself or by name, go to its queue in `delay` seconds; see Job.enqueue_in."""
        return self._job(job).enqueue_in(delay, *args, **kwargs)

    def enqueue_at(self, moment: datetime, job: AJob, /, *args: Any, **kwargs: Any) -> str | None:
        """The same at a moment, a datetime with a time zone; see Job.enqueue_at."""
        return self._job(job).enqueue_at(moment, *args, **kwargs)

    def push(self, queue: str, item: Mapping[str, Any] | bytes) -> None:
        """Append a payload to a queue: its bytes, or an object with `class` and `args`."""
        self._parts.producer.push(queue, [item if isinstance(item, bytes) else encoding.dump(item)])

    def dequeue(self, job: AJob, /, *args: Any) -> int:
        """Delete a job's waiting payloads, all or those with these arguments; how many went (vetoed: 0)."""
        job = self._job(job)
        if not job.hooks.allow("before_dequeue", args):
            return 0
        deleted = self.store.books.queues.delete(
            job.queue, payloads.matcher(job.name, job.as_in_payload(args) or None, job.opened)
        )
        job.hooks.notify("after_dequeue", args)
        return deleted

    # Batches and workflows.

    def batch(
        self, *, on_success: Signature | None = None, on_done: Signature | None = None, description: str = ""
    ) -> Batch:
        """Jobs that belong together: `with app.batch(on_success=report.s(7)):`, all that the block enqueues.

        They go to Redis when the block ends, and not at all where it raises. `on_done` is enqueued once when each has
        ended, whatever way, and `on_success` once when none of them is left as failed. In the block of another batch
        it is a part of that. A job that has a lock (unique) cannot be in one. Errors: TypeError, BatchError.
        """
        return batches.made(self._room, on_success=on_success, on_done=on_done, description=description)

    def workflow(
        self, *, on_success: Signature | None = None, on_done: Signature | None = None, description: str = ""
    ) -> Workflow:
        """A batch of jobs of which some begin when others have succeeded; see Workflow. Errors as for `batch`."""
        return workflows.workflow(self._room, on_success=on_success, on_done=on_done, description=description)

    def own_batch(self) -> Batch:
        """The batch of the running job: `with app.own_batch():`, what the block enqueues belongs to it too.

        Errors: BatchDone, where the job belongs to none, here or as the block ends.
        """
        return self._room.own()

    def result(self, job_id: str) -> Result:
        """What became of a job with `keep_result`, to be looked at or waited for."""
        keyring = self._parts.catalog.keyring
        return Result(self.store, job_id) if keyring is None else Result(self.store, job_id, keyring.opened)

    @property
    def batches(self) -> BatchBook:
        """The batches and workflows that there are."""
        return BatchBook(self.store)

    @cached_property
    def _room(self) -> Room:
        return Room(self._parts.producer, lambda: self.store)

    @property
    def resque_scheduler(self) -> ResqueScheduler:
        """The delayed jobs and schedules of Ruby's resque-scheduler on the same Redis."""
        from resqd.resque_scheduler import ResqueScheduler  # noqa: PLC0415 - few applications share Ruby's schedules

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
        catalog.modules.load()
        policy = self.failure_policy
        return run_next(self.store, names, jobs=catalog.jobs, policy=policy, around=catalog.around)


def _names(where: str, given: Sequence[str]) -> Sequence[str]:
    """Errors: TypeError for text alone, each letter of which would be a module, and for modules themselves."""
    if isinstance(given, str) or not all(isinstance(name, str) and name.strip() for name in given):
        raise TypeError(f"{where} takes the names of modules, such as ['orders.jobs'], not {given!r}")
    return given
