"""The base class by which type checkers see what `@app.job` makes of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, Unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from resqd.cron.options import GivenRecurrence
    from resqd.registrar import HasPerform
    from resqd.using import GivenUsing, Signature, Using

P = ParamSpec("P")


class ClassJob:
    """`class Archive(resqd.ClassJob)`: mypy takes a decorated class for what it was before, without `enqueue`.

    The decorator puts a Job in the class's place, so what stands here is read by type checkers and run only where
    the decorator is missing. Nothing else needs this base.
    """

    @classmethod
    def enqueue(cls: HasPerform[P, Any], *args: P.args, **kwargs: P.kwargs) -> str | None:
        """Put the job on its queue; see Job.enqueue."""
        _refuse(cls)

    @classmethod
    def enqueue_to(cls: HasPerform[P, Any], queue: str, /, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """Put the job on another queue than its own."""
        _refuse(cls)

    @classmethod
    def enqueue_in(
        cls: HasPerform[P, Any], delay: float | timedelta, /, *args: P.args, **kwargs: P.kwargs
    ) -> str | None:
        """Put the job on its queue later; see Job.enqueue_in."""
        _refuse(cls)

    @classmethod
    def enqueue_at(
        cls: HasPerform[P, Any], moment: datetime, /, *args: P.args, **kwargs: P.kwargs
    ) -> str | None:
        """Put the job on its queue at that time; see Job.enqueue_at."""
        _refuse(cls)

    @classmethod
    def using(cls: HasPerform[P, Any], **given: Unpack[GivenUsing]) -> Using[P]:
        """The job to be enqueued otherwise than usual; see Job.using."""
        _refuse(cls)

    @classmethod
    def signature(cls: HasPerform[P, Any], *args: P.args, **kwargs: P.kwargs) -> Signature:
        """The job with these arguments, not enqueued; see Job.signature."""
        _refuse(cls)

    s = signature

    @classmethod
    def every(
        cls,
        period: str | float | timedelta,
        /,
        *,
        offset: str | float | timedelta = 0,
        args: Sequence[Any] = (),
        **options: Unpack[GivenRecurrence],
    ) -> None:
        """Enqueue the job once in the whole fleet every so often; see Job.every."""
        _refuse(cls)

    @classmethod
    def enqueue_many(cls, batch: Iterable[Sequence[Any]]) -> list[str | None]:
        """Put one job for each list or tuple of arguments on the queue; see Job.enqueue_many."""
        _refuse(cls)


def _refuse(job: object) -> NoReturn:
    name = getattr(job, "__qualname__", repr(job))
    raise TypeError(f"{name} is no registered job: write `@app.job` above the class")
