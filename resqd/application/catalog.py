"""The jobs of an application by name, and what goes around all of them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from resqd.application.modules import Modules
from resqd.definition import MAIN
from resqd.errors import JobDefinitionError, UnknownJob
from resqd.text import lookalikes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from resqd.definition import Definition
    from resqd.job import Job
    from resqd.options import JobOptions
    from resqd.sealing import Keyring
    from resqd.tracing import Tracer
    from resqd.using import JobSender


_LONGEST: Final = 200
"""Characters of a name that near ones are sought for; a payload may say anything."""
_NAMED: Final = 5
"""How many modules a message names."""


class Catalog:
    """The jobs that were registered; each is made as a `job_type` that enqueues through `sender`."""

    def __init__(
        self, *, job_type: type[Job[..., Any]], sender: JobSender, keyring: Keyring | None = None
    ) -> None:
        self.jobs: dict[str, Job[..., Any]] = {}
        self.around: list[Callable[[], Iterator[None]]] = []
        """The hooks around all jobs, those to come as well."""
        self.modules = Modules()
        """What is imported before a job is missed."""
        self._job_type = job_type
        self._sender = sender
        self.keyring = keyring
        """The keys of the application, if it has some."""
        self._tracer: Tracer | None = None

    def add(
        self, definition: Definition, *, queue: str | None, name: str | None, options: JobOptions
    ) -> Job[..., Any]:
        """Register a job; raises JobDefinitionError where its name is taken by another."""
        name, queue = definition.name_and_queue(name, queue)
        known = self.jobs.get(name)
        if known is not None and not known.is_again(definition):
            raise JobDefinitionError(f"there is a job named {name} already: {known.__qualname__}")
        job = self._job_type(
            definition, name=name, queue=queue, options=options, sender=self._sender, keyring=self.keyring
        )
        for hook in self.around:
            job.surround(hook)
        if self._tracer is not None:
            job.trace(self._tracer)
        if known is None or known.__module__ != MAIN:
            self.jobs[name] = job
        return job

    def surround(self, hook: Callable[[], Iterator[None]]) -> None:
        """Wrap each run of every job in the generator `hook()`, which yields once."""
        for job in self.jobs.values():
            job.surround(hook)
        self.around.append(hook)

    def trace(self, tracer: Tracer) -> None:
        """Tell somebody of each run of every job, those to come as well."""
        for job in self.jobs.values():
            job.trace(tracer)
        self._tracer = tracer

    def find(self, name: str) -> Job[..., Any]:
        """The job of that name, for which the named modules are imported where it is not there; raises UnknownJob."""
        if name not in self.jobs:
            self.modules.load()
        try:
            return self.jobs[name]
        except KeyError:
            raise unknown_job(name, self.jobs) from None


def unknown_job(name: str, jobs: Mapping[str, Job[..., Any]]) -> UnknownJob:
    """The error for a name that none of `jobs` has: what could have been meant, and where was looked."""
    if not jobs:
        return UnknownJob(f"no job is registered as {name!r}, nor is any other")
    near = _near(name[:_LONGEST], tuple(jobs))
    modules = [*dict.fromkeys(str(job.__module__) for job in jobs.values())]
    others = f" and {len(modules) - _NAMED} more" if len(modules) > _NAMED else ""
    meant = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    where = f"{', '.join(modules[:_NAMED])}{others}"
    return UnknownJob(f"no job is registered as {name!r}{meant} ({len(jobs)} known, of {where})")


@lru_cache(maxsize=64)  # a queue full of one unknown name must not cost a search for each
def _near(name: str, names: tuple[str, ...]) -> list[str]:
    """Names that look alike, first those of the same last part: `welcome` for `mail.jobs.welcome`."""
    last = name.rpartition(".")[2]
    same = [known for known in names if known.rpartition(".")[2] == last]
    return [*dict.fromkeys([*same, *lookalikes(name, names)])][:3]
