"""Hooks: the application's own code around its jobs and around resqd's processes, with Resque's names.

They are kept by kind. A hook that goes around is a generator that yields once where the work is done. What a hook
before or around a job raises is the job's failure; what all others raise is logged, and ends nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from resqd import async_hooks, events
from resqd.definition import JOB_HOOKS
from resqd.errors import DontPerform, Handover, JobDefinitionError
from resqd.hook_checks import AWAITED, check, is_async, named
from resqd.on_loops import to_its_end
from resqd.retry import Again, Dropped

Hook = Callable[..., Any]
H = TypeVar("H", bound=Hook)
Told = Callable[[BaseException], BaseException]
"""From what ended a job to what its on_failure hooks are told."""

_PERFORMING: Final = tuple(kind for kind in JOB_HOOKS if kind.endswith("_perform") or kind.startswith("on_"))
Judge = Callable[[BaseException], Again | Dropped | None]
"""From what ended a job to what becomes of it; None: it has failed."""


def fails(_error: BaseException) -> None:
    """Every error is a failure: what is judged where nobody can run the job again."""


class Hooks:
    """Hooks by kind, in the order in which they were added, and what goes around all hooks of a kind."""

    __slots__ = ("_around", "_awaits", "_by_kind")

    def __init__(self, kinds: Sequence[str], *, awaits: bool = False) -> None:
        self._awaits = awaits
        self._by_kind: dict[str, list[Hook]] = {kind: [] for kind in kinds}
        self._around: dict[str, list[Hook]] = {kind: [] for kind in kinds}

    def of(self, kind: str) -> Sequence[Hook]:
        """The hooks of one kind."""
        return self._by_kind[kind]

    def add(self, kind: str, hook: H) -> H:
        """Append a hook; raises JobDefinitionError where it cannot work as that kind."""
        check(kind, hook, awaits=self._awaits)
        self._by_kind[kind].append(hook)
        return hook

    def _surround(self, hook: Hook, kinds: Iterable[str]) -> None:
        if not inspect.isgeneratorfunction(hook):
            raise JobDefinitionError(f"{hook!r} must be a generator function that yields once")
        for kind in kinds:
            self._around[kind].append(hook)


class JobHooks(Hooks):
    """The hooks of one job."""

    __slots__ = ()

    def __init__(self, found: Iterable[tuple[str, Hook]] = (), *, awaits: bool = False) -> None:
        super().__init__(JOB_HOOKS, awaits=awaits)
        for kind, hook in found:
            self.add(kind, hook)

    def surround(self, hook: Hook) -> None:
        """Add a generator function without arguments around everything, the job's other hooks included."""
        self._surround(hook, ("around_perform",))

    @property
    def around_running(self) -> bool:
        """Whether any hook takes part in performing the job."""
        return bool(self._around["around_perform"]) or any(self._by_kind[kind] for kind in _PERFORMING)

    @property
    def awaited(self) -> bool:
        """Whether any hook around a run is a coroutine, so that a loop must run all of them."""
        return self._awaits and any(is_async(hook) for kind in AWAITED for hook in self._by_kind[kind])

    @property
    def blocking(self) -> bool:
        """Whether any hook that takes part in a run is none, and would keep an event loop from its other tasks."""
        plain = (hook for kind in _PERFORMING for hook in self._by_kind[kind] if not is_async(hook))
        return bool(self._around["around_perform"]) or any(True for _ in plain)

    async def perform_async(self, code: Hook, args: Sequence[Any], *, told: Told, judge: Judge) -> bool:
        """Run an async job with its hooks on an event loop; as `perform`, but for what goes around all jobs."""
        return await async_hooks.perform(
            self, code, args, lambda error: self.report(told(error), args, judge)
        )

    def allow(self, kind: str, args: Sequence[Any]) -> bool:
        """Call the hooks of a `before_` kind; False where one returned False, which vetoes."""
        return all(hook(*args) is not False for hook in self._by_kind[kind])

    def notify(self, kind: str, args: Sequence[Any]) -> None:
        """Call the hooks of an `after_` kind."""
        for hook in self._by_kind[kind]:
            hook(*args)

    def perform(
        self,
        perform: Hook,
        args: Sequence[Any],
        *,
        told: Told = lambda error: error,
        judge: Judge = fails,
    ) -> bool:
        """Run a job with its hooks; False where a hook ended it quietly by DontPerform or by not yielding.

        What the job or a hook raises goes on to the caller after the on_failure hooks have seen it, as `told` says
        of it: a job that is killed is recorded as something else than what stopped it. Where `judge` says that it
        has not failed for good, the hooks for that see it instead.
        """

        def report(error: BaseException) -> None:
            self.report(told(error), args, judge)

        outermost = self._around["around_perform"]
        if not outermost:
            return self._perform(perform, args, report)
        ended: list[bool] = []
        run = _Run(lambda: ended.append(self._perform(perform, args, report)), ())
        try:
            run.around(outermost)
        except BaseException as error:
            if ended or not run.started:  # else they have seen it already
                report(error)
            raise
        return ended == [True]

    def _perform(self, perform: Hook, args: Sequence[Any], report: Callable[[BaseException], None]) -> bool:
        if self.awaited:
            return to_its_end(async_hooks.perform(self, perform, args, report))
        run = _Run(perform, args)
        try:
            self.notify("before_perform", args)
            run.around(self._by_kind["around_perform"])
            if run.performed:
                self.notify("after_perform", args)
        except BaseException as error:
            if isinstance(error, DontPerform) and not run.started:
                return False
            report(error)
            raise
        return run.performed

    def report(self, error: BaseException, args: Sequence[Any], judge: Judge) -> None:
        """Call the hooks that the judgement on an error is for; what they raise is logged. A handover is no end."""
        if isinstance(error, Handover):
            return
        judgement = judge(error)
        if isinstance(judgement, Again):
            for hook in self._by_kind["on_retry"]:
                call("on_retry hook", hook, error, judgement.delay, *args)
        elif isinstance(judgement, Dropped):
            self.report_discard(judgement.reason, args)
        else:
            self.report_failure(error, args)

    def report_discard(self, reason: str, args: Sequence[Any]) -> None:
        """Call the on_discard hooks with the reason and the job's arguments; what they raise is logged."""
        for hook in self._by_kind["on_discard"]:
            call("on_discard hook", hook, reason, *args)

    def report_failure(self, error: BaseException, args: Sequence[Any]) -> None:
        """Call the on_failure hooks with the error and the job's arguments; what they raise is logged."""
        for hook in self._by_kind["on_failure"]:
            call("on_failure hook", hook, error, *args)


def kept(perform: Hook, keep: Callable[[Any], None]) -> Hook:
    """The same code, of which `keep` is told what it returns."""
    return lambda *args: keep(perform(*args))


def call(what: str, hook: Hook, *args: Any) -> None:
    """Call a hook, or `what` else the application has, that may stop nothing: an error in it is logged."""
    try:
        hook(*args)
    except Exception:  # noqa: BLE001 - the application's code; the event tells its traceback
        events.App.hook_failed(what=what, hook=named(hook))


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
        events.App.around_hook_failed()
    if not run.started:
        work()


class _Run:
    """One run of a job inside of the hooks around it, the first hook outermost."""

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
            _expect_end(wrapper, partial(wrapper.throw, error))
        else:
            _expect_end(wrapper, partial(next, wrapper))


def _expect_end(wrapper: Generator[None, None, None], resume: Callable[[], object]) -> None:
    try:
        resume()
    except StopIteration:
        return
    wrapper.close()
    raise JobDefinitionError("an around_perform hook yielded twice")
