"""Hooks of processes: the application's own code around a fork, a pause, a worker's end."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from resqd import events
from resqd.errors import HookError
from resqd.hook_checks import named
from resqd.hooks import H, Hook, Hooks, call, run_within

PROCESS_HOOKS: Final = (
    "before_first_fork",
    "before_fork",
    "after_fork",
    "after_jobs_run",
    "before_pause",
    "after_pause",
    "worker_exit",
)
"""The kinds of process hooks; all are called without arguments."""
AFTER_BOOT: Final = ("after_jobs_run", "before_pause", "after_pause", "worker_exit")
"""Those of them that run in a worker that is at work."""


class ProcessHooks(Hooks):
    """The hooks of an application around its processes: a fork, a pause, a worker's end."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(PROCESS_HOOKS)

    def run(self, kind: str, *args: Any) -> None:
        """Call the hooks of one kind; an error in one is logged, and the others still run.

        sys.exit ends nothing, so that a hook cannot take the daemon away from its jobs; but in after_fork it ends
        the boot of that worker, and in before_first_fork the start: HookError, which a reload only logs.
        """
        if self._by_kind[kind]:
            run_within(self._around[kind], partial(self._run, kind, *args))

    def surround(self, hook: Hook, kinds: Iterable[str] = AFTER_BOOT) -> None:
        """Wrap all hooks of these kinds in the generator `hook()`, as around a job; it yields once."""
        self._surround(hook, kinds)

    def _run(self, kind: str, *args: Any) -> None:
        for hook in self._by_kind[kind]:
            try:
                call(f"{kind} hook", hook, *args)
            except SystemExit as error:
                if kind == "after_fork":
                    raise
                if kind == "before_first_fork":
                    line = f"the {kind} hook {named(hook)} called sys.exit({error.code!r})"
                    raise HookError(line) from error
                events.App.hook_called_exit(kind=kind, hook=named(hook), code=error.code)

    def before_first_fork(self, hook: H) -> H:
        """Call `hook()` in the master, once, before it forks the first worker."""
        return self.add("before_first_fork", hook)

    def before_fork(self, hook: H) -> H:
        """Call `hook()` in the master before each fork of a worker."""
        return self.add("before_fork", hook)

    def after_fork(self, hook: H) -> H:
        """Call `hook()` in each worker after the fork, before its first job. sys.exit in it ends the boot.

        The housekeeper calls it too, before it first runs the application's code: for a job whose process died.
        """
        return self.add("after_fork", hook)

    def after_jobs_run(self, hook: H) -> H:
        """Call `hook()` in a worker once its JOBS_PER_FORK jobs are done."""
        return self.add("after_jobs_run", hook)

    def before_pause(self, hook: H) -> H:
        """Call `hook()` in a worker when it is told to pause."""
        return self.add("before_pause", hook)

    def after_pause(self, hook: H) -> H:
        """Call `hook()` in a worker when its pause ends."""
        return self.add("after_pause", hook)

    def worker_exit(self, hook: H) -> H:
        """Call `hook()` in a worker just before it exits."""
        return self.add("worker_exit", hook)
