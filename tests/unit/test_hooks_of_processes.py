"""Process hooks: what is refused at registration, and what becomes of sys.exit in one."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from resqd.app import App
from resqd.errors import HookError, JobDefinitionError
from resqd.process_hooks import PROCESS_HOOKS


async def waiting() -> None:
    """Returns a coroutine that nobody awaits."""


async def waits_and_yields() -> AsyncIterator[None]:
    yield


def yielding() -> Iterator[None]:
    yield


def wanting(worker: object) -> None:
    del worker


class Waiting:
    async def __call__(self) -> None:
        pass


@pytest.mark.parametrize("name", PROCESS_HOOKS)
@pytest.mark.parametrize(
    ("hook", "why"),
    [
        ("no function", "cannot be called"),
        (None, "cannot be called"),
        (waiting, "is async"),
        (Waiting(), "is async"),
        (partial(waiting), "is async"),
        (waits_and_yields, "is a generator"),
        (yielding, "is a generator"),
        (wanting, "is called without arguments: missing a required argument: 'worker'"),
    ],
    ids=["text", "none", "async", "async call", "async partial", "async generator", "generator", "arguments"],
)
def test_what_would_do_nothing_or_fail_each_time_is_refused(name: str, hook: Any, why: str) -> None:
    """At registration, where the mistake is."""
    with pytest.raises(JobDefinitionError, match=f"the {name} hook .*{why}"):
        App().hooks.add(name, hook)


@pytest.mark.parametrize(
    "hook",
    [dict, partial(wanting, 1), lambda *_: None, [].clear],
    ids=["class", "partial", "lambda", "method"],
)
def test_what_can_be_called_is_taken(hook: Callable[[], object]) -> None:
    """Functions, classes, methods, partials."""
    App().hooks.add("before_fork", hook)


@pytest.mark.parametrize("name", sorted({*PROCESS_HOOKS} - {"before_first_fork", "after_fork"}))
def test_sys_exit_in_a_hook_is_said_and_ends_nothing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does it keep the hooks after it from running."""
    app, ran = App(), []
    app.hooks.add(name, partial(sys.exit, 3))
    app.hooks.add(name, lambda: ran.append(name))
    app.hooks.run(name)
    assert ran == [name]
    assert "called sys.exit(3), which ends nothing" in caplog.text


def test_sys_exit_before_the_first_fork_refuses_the_start() -> None:
    """With a line; in after_fork it ends the boot of that worker."""
    app = App()
    app.hooks.before_first_fork(lambda: sys.exit("no"))
    with pytest.raises(HookError, match=r"the before_first_fork hook .* called sys.exit\('no'\)"):
        app.hooks.run("before_first_fork")
    app.hooks.after_fork(sys.exit)
    with pytest.raises(SystemExit):
        app.hooks.run("after_fork")
