"""Hooks around a job, as in Resque: found by prefix on class jobs, added by decorators to function jobs."""

from __future__ import annotations

import difflib
import inspect
import logging
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

from resqd.errors import DontPerform, JobDefinitionError

log = logging.getLogger("resqd.hooks")

Hook = Callable[..., Any]
Tell = Callable[[BaseException], BaseException]
"""From what ended a job to what its on_failure hooks are told."""

JOB_HOOKS: Final = (
    "before_enqueue",
    "after_enqueue",
    "before_dequeue",
    "after_dequeue",
    "before_perform",
    "around_perform",
    "after_perform",
    "on_failure",
)
"""The kinds of job hooks; a class job's hook starts its name with one of them: before_perform_log."""

_LOOKALIKE: Final = 0.8


class JobHooks:
    """The hooks of one job, by kind, in the order in which they run."""

    __slots__ = ("_by_kind", "_outermost")

    def __init__(self) -> None:
        self._by_kind: dict[str, list[Hook]] = {kind: [] for kind in JOB_HOOKS}
        self._outermost: list[Hook] = []

    @classmethod
    def of_class(cls, definition: type) -> JobHooks:
        """The hooks that `definition` has, sorted by name; raises JobDefinitionError for a misspelt one."""
        hooks = cls()
        for name in sorted(dir(definition)):
            if name.startswith("_"):
                continue
            kind = kind_of(name)
            if kind is not None:
                hooks.add(kind, getattr(definition, name))
            elif callable(getattr(definition, name)):
                refuse_misspelt(definition.__qualname__, name)
        return hooks

    def add(self, kind: str, hook: Hook) -> None:
        """Append a hook; raises JobDefinitionError where it cannot work as that kind."""
        if not callable(hook):
            raise JobDefinitionError(f"the {kind} hook {hook!r} cannot be called")
        if inspect.iscoroutinefunction(hook):
            raise JobDefinitionError(
                f"the {kind} hook {hook.__qualname__} is async, which resqd does not run"
            )
        if inspect.isgeneratorfunction(hook) != (kind == "around_perform"):
            name = getattr(hook, "__qualname__", repr(hook))
            raise JobDefinitionError(
                f"{name}: an around_perform hook, and no other, yields once where the job runs"
            )
        self._by_kind[kind].append(hook)

    def surround(self, hook: Hook) -> None:
        """Add a generator function without arguments around everything, the job's other hooks included."""
        if not inspect.isgeneratorfunction(hook):
            raise JobDefinitionError(f"{hook!r} must be a generator function that yields once")
        self._outermost.append(hook)

    def of(self, kind: str) -> Sequence[Hook]:
        """The hooks of one kind."""
        return self._by_kind[kind]

    @property
    def around_running(self) -> bool:
        """Whether any hook takes part in performing the job."""
        by_kind = self._by_kind
        return bool(self._outermost) or any(
            by_kind[kind] for kind in ("before_perform", "around_perform", "after_perform", "on_failure")
        )

    def allow(self, kind: str, args: Sequence[Any]) -> bool:
        """Call the hooks of a `before_` kind; False where one returned False, which vetoes."""
        return all(hook(*args) is not False for hook in self._by_kind[kind])

    def notify(self, kind: str, args: Sequence[Any]) -> None:
        """Call the hooks of an `after_` kind."""
        for hook in self._by_kind[kind]:
            hook(*args)

    def perform(self, perform: Hook, args: Sequence[Any], *, told: Tell = lambda error: error) -> bool:
        """Run a job with its hooks; False where a hook ended it quietly by DontPerform or by not yielding.

        What the job or a hook raises goes on to the caller after the on_failure hooks have seen it, as `told` says
        of it: a job that is killed is recorded as something else than what stopped it.
        """
        if not self._outermost:
            return self._perform(perform, args, told)
        ended: list[bool] = []
        run = _Run(lambda: ended.append(self._perform(perform, args, told)), ())
        try:
            run.around(self._outermost)
        except BaseException as error:
            if ended or not run.started:  # else they have seen it already
                self.report_failure(told(error), args)
            raise
        return ended == [True]

    def _perform(self, perform: Hook, args: Sequence[Any], told: Tell) -> bool:
        run = _Run(perform, args)
        try:
            self.notify("before_perform", args)
            run.around(self._by_kind["around_perform"])
            if run.performed:
                self.notify("after_perform", args)
        except BaseException as error:
            if isinstance(error, DontPerform) and not run.started:
                return False
            self.report_failure(told(error), args)
            raise
        return run.performed

    def report_failure(self, error: BaseException, args: Sequence[Any]) -> None:
        """Call the on_failure hooks with the error and the job's arguments; what they raise is logged."""
        for hook in self._by_kind["on_failure"]:
            try:
                hook(error, *args)
            except Exception:
                log.exception("the on_failure hook %s failed", getattr(hook, "__qualname__", hook))


class _Run:
    """One run of a job inside of its around_perform hooks, the first hook outermost."""

    __slots__ = ("_args", "_perform", "performed", "started")

    def __init__(self, perform: Hook, args: Sequence[Any]) -> None:
        self._perform = perform
        self._args = args
        self.started = False
        self.performed = False

    def around(self, hooks: Sequence[Hook]) -> None:
        if not hooks:
            self.started = True
            self._perform(*self._args)
            self.performed = True
            return
        wrapper: Generator[None, None, None] = hooks[0](*self._args)
        try:
            next(wrapper)
        except StopIteration:
            return
        try:
            self.around(hooks[1:])
        except BaseException as error:  # noqa: BLE001 - the hook decides, as at a `with` block's end
            self._throw(wrapper, error)
        else:
            self._finish(wrapper)

    @staticmethod
    def _finish(wrapper: Generator[None, None, None]) -> None:
        try:
            next(wrapper)
        except StopIteration:
            return
        wrapper.close()
        raise JobDefinitionError("an around_perform hook yielded twice")

    @staticmethod
    def _throw(wrapper: Generator[None, None, None], error: BaseException) -> None:
        try:
            wrapper.throw(error)
        except StopIteration:
            return
        wrapper.close()
        raise JobDefinitionError("an around_perform hook yielded twice")


def run_within(hooks: Sequence[Hook], work: Callable[[], object]) -> None:
    """Do work for a job that has ended inside of the hooks that go around jobs; it is done whatever they do.

    What they raise is logged. What the work raises goes through them first.
    """
    if not hooks:
        work()
        return
    run = _Run(work, ())
    try:
        run.around(hooks)
    except BaseException:
        if run.started and not run.performed:
            raise
        log.exception("a hook around all jobs failed")
    if not run.started:
        work()


def kind_of(name: str) -> str | None:
    """The kind of hook that a method's name says: a kind itself, or one with `_` and a suffix; else None."""
    return next((kind for kind in JOB_HOOKS if name == kind or name.startswith(kind + "_")), None)


def refuse_misspelt(owner: str, name: str) -> None:
    """Raise JobDefinitionError where `name` looks like a hook's but is none, such as befor_perform."""
    head = "_".join(name.split("_")[:2])
    close = difflib.get_close_matches(head, JOB_HOOKS, n=1, cutoff=_LOOKALIKE)
    if close:
        raise JobDefinitionError(f"{owner}.{name} looks like a hook but is none; did you mean {close[0]}?")
