"""What enqueues a job, in the form for tasks on an event loop, which goes on meanwhile."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, ParamSpec

from resqd.on_loops import beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

P = ParamSpec("P")


class AsyncForms(Generic[P]):
    """Each takes and returns what the method of its name without the `a` does, and raises the same."""

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """See Job."""
        raise NotImplementedError  # the class that inherits this has it

    def enqueue_to(self, queue: str, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """See Job."""
        raise NotImplementedError  # the class that inherits this has it

    def enqueue_many(self, batch: Iterable[Sequence[Any]]) -> list[str | None]:
        """See Job."""
        raise NotImplementedError  # the class that inherits this has it

    def enqueue_in(self, delay: float | timedelta, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """See Job."""
        raise NotImplementedError  # the class that inherits this has it

    def enqueue_at(self, moment: datetime, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """See Job."""
        raise NotImplementedError  # the class that inherits this has it

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """The same as `enqueue` for a task on an event loop, which goes on meanwhile."""
        return await beside(partial(self.enqueue, *args, **kwargs))

    async def aenqueue_to(self, queue: str, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """The same as `enqueue_to` for a task."""
        return await beside(partial(self.enqueue_to, queue, *args, **kwargs))

    async def aenqueue_many(self, batch: Iterable[Sequence[Any]]) -> list[str | None]:
        """The same as `enqueue_many` for a task."""
        return await beside(partial(self.enqueue_many, batch))

    async def aenqueue_in(self, delay: float | timedelta, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """The same as `enqueue_in` for a task."""
        return await beside(partial(self.enqueue_in, delay, *args, **kwargs))

    async def aenqueue_at(self, moment: datetime, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """The same as `enqueue_at` for a task."""
        return await beside(partial(self.enqueue_at, moment, *args, **kwargs))
