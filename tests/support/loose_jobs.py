"""Jobs of no application: what they enqueue is kept in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resqd.definition import Definition
from resqd.job import Job
from resqd.options import JobOptions

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from resqd.cron.declared import Declared
    from resqd.tracing import Tracer
    from resqd.using import Delivery


class Outbox:
    """A sender that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[Any]]] = []
        self.timetable: Declared | None = None
        self.tracer: Tracer | None = None

    def send(self, job: Job[..., Any], queue: str, args: Sequence[Any]) -> str | None:
        self.sent.append((queue, list(args)))
        return job.name

    def send_many(self, job: Job[..., Any], queue: str, batch: Iterable[Sequence[Any]]) -> list[str | None]:
        return [self.send(job, queue, args) for args in batch]

    def deliver(self, job: Job[..., Any], args: Sequence[Any], delivery: Delivery) -> str | None:
        return self.send(job, delivery.queue or job.queue, args)

    def deliver_many(
        self, job: Job[..., Any], batch: Iterable[Sequence[Any]], delivery: Delivery
    ) -> list[str | None]:
        return [self.deliver(job, args, delivery) for args in batch]


def job_of(target: Any, **options: Any) -> Job[..., Any]:
    return Job(
        Definition.of(target), name="job", queue="mail", options=JobOptions(**options), sender=Outbox()
    )


def mail(user: int, subject: str = "hi", copies: int = 1) -> tuple[int, str, int]:
    return user, subject, copies


async def waiting() -> None: ...


def generating() -> Generator[None]:
    yield


class Archive:
    limit = 3

    @staticmethod
    def perform(repo: int, branch: str = "master") -> str:
        return f"{repo}/{branch}"
