"""Django tasks, defined as a project's module does; only to be imported once Django is set up."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tests.support.django_project import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable

    def task(*args: Any, **options: Any) -> Callable[..., Any]: ...

else:
    task = import_module(TASKS).task

seen: list[Any] = []


@task(queue_name="mail")
def note(*args: Any, **kwargs: Any) -> list[Any]:
    """Say what it was given, and keep it."""
    seen.append([list(args), kwargs])
    return [list(args), kwargs]


@task
async def note_async(number: int) -> None:
    """Keep what it was given."""
    seen.append(f"async {number}")


@task
def fail() -> None:
    """End with an error."""
    raise ValueError("no such luck")


@task
def give_unwritable() -> object:
    """Return what no JSON can hold."""
    return object()


@task(takes_context=True)
def look(context: Any, often: int) -> None:
    """Keep what a task may know of itself."""
    result = context.task_result
    seen.append([often, context.attempt, result.id, result.task.priority, result.enqueued_at is not None])


@task(backend="immediate")
def elsewhere() -> None:
    """Belong to another backend."""
    seen.append("elsewhere")
