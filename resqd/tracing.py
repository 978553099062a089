"""What tells others of jobs as they are enqueued and run: the protocol that resqd calls, where somebody listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType


class Gathering(Protocol):
    """A batch that is being made: what its block enqueues belongs to it. Entered once, by the block."""

    def creating(self) -> AbstractContextManager[object]:
        """Around the making of its callbacks, before the block."""

    def __enter__(self) -> object:
        """The block begins."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """The block has ended, and all of it is in Redis, or not."""


class Tracer(Protocol):
    """Who listens. Payloads come back with what is to travel in them, at the top, for whoever runs the job."""

    def sending(
        self, job_class: str, queue: str, jobs: Sequence[tuple[str, bytes]]
    ) -> AbstractContextManager[list[tuple[str, bytes]]]:
        """Around putting jobs, by id and payload, on a queue."""

    def creating(self, job_class: str, queue: str, job_id: str, raw: bytes) -> bytes:
        """A job is made that goes to its queue when others have ended."""

    def gathering(self, kind: str, batch_id: str, description: str) -> Gathering:
        """A batch, or a workflow, is made."""

    def running(self) -> AbstractContextManager[object]:
        """Around one try of the job that `current_job()` says, its hooks included."""
