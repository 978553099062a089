"""What a function must be like to serve as a hook of its kind."""

from __future__ import annotations

import inspect
from typing import Any

from resqd.definition import JOB_HOOKS
from resqd.errors import JobDefinitionError


def named(hook: object) -> object:
    """A hook as messages name it."""
    return getattr(hook, "__qualname__", hook)


AWAITED = ("before_perform", "around_perform", "after_perform")
"""The hooks of an async job that may be coroutines, or an async generator."""


def check(kind: str, hook: Any, *, awaits: bool = False) -> None:
    """Errors: JobDefinitionError for what cannot be called as that kind, or would do nothing then.

    `awaits`: it is a hook of an async job.
    """
    if not callable(hook):
        raise JobDefinitionError(f"the {kind} hook {hook!r} cannot be called")
    code = _code(hook)
    waits = inspect.iscoroutinefunction(code) or (kind in JOB_HOOKS and inspect.isasyncgenfunction(code))
    if waits and not (awaits and kind in AWAITED):
        raise JobDefinitionError(
            f"the {kind} hook {named(hook)} is async; only before_perform, around_perform and after_perform of an "
            "async job may be"
        )
    yields = inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code)
    if kind in JOB_HOOKS:
        if yields != (kind == "around_perform"):
            raise JobDefinitionError(
                f"{named(hook)}: an around_perform hook, and no other, yields once where the job runs"
            )
    elif yields:
        raise JobDefinitionError(f"the {kind} hook {named(hook)} is a generator: calling it would do nothing")
    else:
        _check_bare(kind, hook)


def _code(hook: Any) -> Any:
    return hook if inspect.isroutine(hook) or inspect.isclass(hook) else getattr(hook, "func", hook.__call__)


def is_async(hook: Any) -> bool:
    """Whether it is a coroutine function, or an async generator function."""
    code = _code(hook)
    return inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code)


def _check_bare(kind: str, hook: Any) -> None:
    try:
        inspect.signature(hook).bind()
    except TypeError as error:
        raise JobDefinitionError(
            f"the {kind} hook {named(hook)} is called without arguments: {error}"
        ) from None
    except ValueError:  # a builtin without a signature that Python knows
        return
