"""The jobs of an application by name, and what goes around all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resqd.definition import MAIN
from resqd.errors import JobDefinitionError, UnknownJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from resqd.definition import Definition
    from resqd.job import Job, Sender
    from resqd.options import JobOptions


class Catalog:
    """The jobs that were registered; each is made as a `job_type` that enqueues through `sender`."""

    def __init__(self, *, job_type: type[Job[..., Any]], sender: Sender) -> None:
        self.jobs: dict[str, Job[..., Any]] = {}
        self.around: list[Callable[[], Iterator[None]]] = []
        """The hooks around all jobs, those to come as well."""
        self._job_type = job_type
        self._sender = sender

    def add(
        self, definition: Definition, *, queue: str | None, name: str | None, options: JobOptions
    ) -> Job[..., Any]:
        """Register a job; raises JobDefinitionError where its name is taken by another."""
        name, queue = definition.name_and_queue(name, queue)
        known = self.jobs.get(name)
        if known is not None and not known.is_again(definition):
            raise JobDefinitionError(f"there is a job named {name} already: {known.__qualname__}")
        job = self._job_type(definition, name=name, queue=queue, options=options, sender=self._sender)
        for hook in self.around:
            job.surround(hook)
        if known is None or known.__module__ != MAIN:
            self.jobs[name] = job
        return job

    def surround(self, hook: Callable[[], Iterator[None]]) -> None:
        """Wrap each run of every job in the generator `hook()`, which yields once."""
        for job in self.jobs.values():
            job.surround(hook)
        self.around.append(hook)

    def find(self, name: str) -> Job[..., Any]:
        """The job of that name; raises UnknownJob."""
        try:
            return self.jobs[name]
        except KeyError:
            raise UnknownJob(f"no job is registered as {name!r}") from None
