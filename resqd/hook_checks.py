"""What a function must be like to serve as a hook of its kind."""

from __future__ import annotations

import inspect
from typing import Any

from resqd.definition import JOB_HOOKS
from resqd.errors import JobDefinitionError


def named(hook: object) -> object:
    """A hook as messages name it."""
    return getattr(hook, "__qualname__", hook)


def check(kind: str, hook: Any) -> None:
    """Errors: JobDefinitionError for what cannot be called as that kind, or would do nothing then."""
    if not callable(hook):
        raise JobDefinitionError(f"the {kind} hook {hook!r} cannot be called")
    code = hook if inspect.isroutine(hook) or inspect.isclass(hook) else getattr(hook, "func", hook.__call__)
    if inspect.iscoroutinefunction(code):
        raise JobDefinitionError(f"the {kind} hook {named(hook)} is async, which resqd does not run")
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


def _check_bare(kind: str, hook: Any) -> None:
    try:
        inspect.signature(hook).bind()
    except TypeError as error:
        raise JobDefinitionError(
            f"the {kind} hook {named(hook)} is called without arguments: {error}"
        ) from None
    except ValueError:  # a builtin without a signature that Python knows
        return
