"""What an App enqueues, finds and changes, in the form for tasks on an event loop, which goes on meanwhile."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from resqd.application.places import Place, Places
from resqd.on_loops import beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta


class AsyncPlaces(Places):
    """Each takes and returns what the method of its name without the `a` does, and raises the same."""

    def enqueue(self, job: Any, /, *args: Any, **kwargs: Any) -> str | None:
        """See App."""
        raise NotImplementedError  # the class that inherits this has it

    def enqueue_to(self, queue: str, job: Any, /, *args: Any, **kwargs: Any) -> str | None:
        """See App."""
        raise NotImplementedError  # the class that inherits this has it

    def enqueue_many(self, job: Any, batch: Iterable[Sequence[Any]], /) -> list[str | None]:
        """See App."""
        raise NotImplementedError  # the class that inherits this has it

    def enqueue_in(self, delay: float | timedelta, job: Any, /, *args: Any, **kwargs: Any) -> str | None:
        """See App."""
        raise NotImplementedError  # the class that inherits this has it

    def enqueue_at(self, moment: datetime, job: Any, /, *args: Any, **kwargs: Any) -> str | None:
        """See App."""
        raise NotImplementedError  # the class that inherits this has it

    async def aenqueue(self, job: Any, /, *args: Any, **kwargs: Any) -> str | None:
        """The same as `enqueue` for a task on an event loop, which goes on meanwhile."""
        return await beside(partial(self.enqueue, job, *args, **kwargs))

    async def aenqueue_to(self, queue: str, job: Any, /, *args: Any, **kwargs: Any) -> str | None:
        """The same as `enqueue_to` for a task."""
        return await beside(partial(self.enqueue_to, queue, job, *args, **kwargs))

    async def aenqueue_many(self, job: Any, batch: Iterable[Sequence[Any]], /) -> list[str | None]:
        """The same as `enqueue_many` for a task."""
        return await beside(partial(self.enqueue_many, job, batch))

    async def aenqueue_in(
        self, delay: float | timedelta, job: Any, /, *args: Any, **kwargs: Any
    ) -> str | None:
        """The same as `enqueue_in` for a task."""
        return await beside(partial(self.enqueue_in, delay, job, *args, **kwargs))

    async def aenqueue_at(self, moment: datetime, job: Any, /, *args: Any, **kwargs: Any) -> str | None:
        """The same as `enqueue_at` for a task."""
        return await beside(partial(self.enqueue_at, moment, job, *args, **kwargs))

    async def awhere(self, job_id: str, *, queue: str | None = None) -> Place:
        """The same as `where` for a task."""
        return await beside(partial(self.where, job_id, queue=queue))

    async def acancel(self, job_id: str, *, queue: str | None = None) -> Place:
        """The same as `cancel` for a task."""
        return await beside(partial(self.cancel, job_id, queue=queue))

    async def areschedule(
        self, job_id: str, *, delay: float | timedelta | None = None, at: datetime | None = None
    ) -> bool:
        """The same as `reschedule` for a task."""
        return await beside(partial(self.reschedule, job_id, delay=delay, at=at))

    async def arun_now(self, job_id: str) -> bool:
        """The same as `run_now` for a task."""
        return await beside(partial(self.run_now, job_id))
