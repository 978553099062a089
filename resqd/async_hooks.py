"""The hooks of async jobs that are coroutines themselves, around a run on an event loop."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from resqd.errors import DontPerform, JobDefinitionError

if TYPE_CHECKING:
    from resqd.hooks import Hook, JobHooks

Perform = Callable[..., Awaitable[object]]


async def perform(
    hooks: JobHooks, code: Perform, args: Sequence[Any], report: Callable[[BaseException], None]
) -> bool:
    """Run a job with its hooks before, around and after it, as JobHooks.perform does; each may be a coroutine or not.

    False where a hook ended it quietly. What is raised goes on to the caller when `report` has been told of it.
    """
    run = _Run(code, args)
    try:
        await _notify(hooks, "before_perform", args)
        await run.around(hooks.of("around_perform"))
        if run.performed:
            await _notify(hooks, "after_perform", args)
    except BaseException as error:
        if isinstance(error, DontPerform) and not run.started:
            return False
        report(error)
        raise
    return run.performed


def kept(code: Perform, keep: Callable[[Any], None]) -> Perform:
    """The same code, of which `keep` is told what it returns."""

    async def run(*args: Any) -> None:
        keep(await code(*args))

    return run


async def _notify(hooks: JobHooks, kind: str, args: Sequence[Any]) -> None:
    for hook in hooks.of(kind):
        found = hook(*args)
        if inspect.isawaitable(found):
            await found


class _Run:
    """One run of a job inside of the hooks around it, the first hook outermost."""

    __slots__ = ("_args", "_code", "performed", "started")

    def __init__(self, code: Perform, args: Sequence[Any]) -> None:
        self._code = code
        self._args = args
        self.started = False
        self.performed = False

    async def around(self, hooks: Sequence[Hook]) -> None:
        if not hooks:
            self.started = True
            await self._code(*self._args)
            self.performed = True
            return
        wrapper = hooks[0](*self._args)
        if not inspect.isasyncgen(wrapper):
            wrapper = _awaiting(wrapper)
        try:
            await anext(wrapper)
        except StopAsyncIteration:
            return
        try:
            await self.around(hooks[1:])
        except BaseException as error:  # noqa: BLE001 - the hook decides, as at an `async with` block's end
            await _expect_end(wrapper, partial(wrapper.athrow, error))
        else:
            await _expect_end(wrapper, partial(anext, wrapper))


async def _awaiting(wrapper: Any) -> AsyncGenerator[None, None]:
    """A plain generator as an async one."""
    try:
        next(wrapper)
    except StopIteration:
        return
    try:
        yield
    except BaseException as error:  # noqa: BLE001 - the hook decides
        resume = partial(wrapper.throw, error)
    else:
        resume = partial(next, wrapper)
    try:
        resume()
    except StopIteration:
        return
    wrapper.close()
    yield  # once too often, as the hook has


async def _expect_end(wrapper: AsyncGenerator[None, None], resume: Callable[[], Awaitable[object]]) -> None:
    try:
        await resume()
    except StopAsyncIteration:
        return
    await wrapper.aclose()
    raise JobDefinitionError("an around_perform hook yielded twice")
