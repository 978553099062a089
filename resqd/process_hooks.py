"""Hooks of the processes: what an application does before a fork, after it, around a pause, at a worker's end."""

from __future__ import annotations

import inspect
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from resqd.errors import HookError, JobDefinitionError
from resqd.hooks import run_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from resqd.hooks import Hook

log = logging.getLogger("resqd.hooks")

C = TypeVar("C", bound="Callable[..., Any]")

PROCESS_HOOKS: Final = (
    "before_first_fork",
    "before_fork",
    "after_fork",
    "after_jobs_run",
    "before_pause",
    "after_pause",
    "worker_exit",
)

AFTER_BOOT: Final = ("after_jobs_run", "before_pause", "after_pause", "worker_exit")
"""The kinds that run in a worker that is at work."""


class ProcessHooks:
    """The hooks of an application, several of each kind, called in the order in which they were added."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[Callable[..., Any]]] = {name: [] for name in PROCESS_HOOKS}
        self._around: dict[str, list[Hook]] = {name: [] for name in PROCESS_HOOKS}

    def run(self, name: str, *args: Any) -> None:
        """Call the hooks of one kind; an error in one is logged, and the others still run.

        sys.exit ends nothing, so that a hook cannot take the daemon away from its jobs; but in after_fork it ends
        the boot of that worker, and in before_first_fork the start: HookError, which a reload only logs.
        """
        if self._by_name[name]:
            run_within(self._around[name], partial(self._run, name, *args))

    def surround(self, hook: Hook, names: Iterable[str] = AFTER_BOOT) -> None:
        """Wrap all hooks of these kinds in the generator `hook()`, as around a job; it yields once."""
        for name in names:
            self._around[name].append(hook)

    def _run(self, name: str, *args: Any) -> None:
        for hook in self._by_name[name]:
            try:
                hook(*args)
            except Exception:
                log.exception("the %s hook %s failed", name, _named(hook))
            except SystemExit as error:
                if name == "after_fork":
                    raise
                line = f"the {name} hook {_named(hook)} called sys.exit({error.code!r})"
                if name == "before_first_fork":
                    raise HookError(line) from error
                log.exception("%s, which ends nothing", line)

    def add(self, name: str, hook: C) -> C:
        """Append a hook of one kind. Errors: JobDefinitionError for what cannot be called, or does nothing then."""
        _check(name, hook)
        self._by_name[name].append(hook)
        return hook

    def before_first_fork(self, hook: C) -> C:
        """Call `hook()` in the master, once, before it forks the first worker."""
        return self.add("before_first_fork", hook)

    def before_fork(self, hook: C) -> C:
        """Call `hook()` in the master before each fork of a worker."""
        return self.add("before_fork", hook)

    def after_fork(self, hook: C) -> C:
        """Call `hook()` in each worker after the fork, before its first job. sys.exit in it ends the boot.

        The housekeeper calls it too, before it first runs the application's code: for a job whose process died.
        """
        return self.add("after_fork", hook)

    def after_jobs_run(self, hook: C) -> C:
        """Call `hook()` in a worker once its JOBS_PER_FORK jobs are done."""
        return self.add("after_jobs_run", hook)

    def before_pause(self, hook: C) -> C:
        """Call `hook()` in a worker when it is told to pause."""
        return self.add("before_pause", hook)

    def after_pause(self, hook: C) -> C:
        """Call `hook()` in a worker when its pause ends."""
        return self.add("after_pause", hook)

    def worker_exit(self, hook: C) -> C:
        """Call `hook()` in a worker just before it exits."""
        return self.add("worker_exit", hook)


def _named(hook: object) -> object:
    return getattr(hook, "__qualname__", hook)


def _check(name: str, hook: Any) -> None:
    if not callable(hook):
        raise JobDefinitionError(f"the {name} hook {hook!r} cannot be called")
    code = hook if inspect.isroutine(hook) or inspect.isclass(hook) else getattr(hook, "func", hook.__call__)
    if inspect.iscoroutinefunction(code):
        raise JobDefinitionError(f"the {name} hook {_named(hook)} is async, which resqd does not run")
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise JobDefinitionError(
            f"the {name} hook {_named(hook)} is a generator: calling it would do nothing"
        )
    try:
        inspect.signature(hook).bind()
    except TypeError as error:
        raise JobDefinitionError(
            f"the {name} hook {_named(hook)} is called without arguments: {error}"
        ) from None
    except ValueError:  # a builtin without a signature that Python knows
        return
