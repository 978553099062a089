"""The hooks of async jobs that are coroutines."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from resqd.app import App
from resqd.errors import DontPerform, JobDefinitionError
from resqd.job import Job

seen: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


async def note(name: str) -> None:
    """Lets others run in between."""
    await asyncio.sleep(0)
    seen.append(name)


@pytest.fixture
def job() -> Job[[str], Any]:
    app = App()

    @app.job(name="work")
    async def work(how: str) -> str:
        await note(f"work {how}")
        if how == "fail":
            raise ValueError("no")
        return how

    @work.before_perform
    async def before(how: str) -> None:
        await note("before")
        if how == "no":
            raise DontPerform

    @work.around_perform
    async def around(_how: str) -> AsyncIterator[None]:
        await note("in")
        try:
            yield
        finally:
            await note("out")

    @work.after_perform
    async def after(_how: str) -> None:
        await note("after")

    return work


@pytest.mark.parametrize("on_loop", [True, False])
def test_they_go_around_the_job(job: Job[[str], Any], *, on_loop: bool) -> None:
    """In their order, on a loop that others share, and on one of the job's own."""
    assert job.loops
    kept: list[Any] = []
    if on_loop:
        assert asyncio.run(job.arun(["a"], keep=kept.append))
    else:
        assert job.run(["a"], keep=kept.append)
    assert (seen, kept) == (["before", "in", "work a", "out", "after"], ["a"])


@pytest.mark.parametrize("on_loop", [True, False])
def test_an_error_goes_through_them(job: Job[[str], Any], *, on_loop: bool) -> None:
    """And DontPerform ends the job quietly."""
    with pytest.raises(ValueError, match="no"):
        asyncio.run(job.arun(["fail"])) if on_loop else job.run(["fail"])
    assert seen == ["before", "in", "work fail", "out"]
    seen.clear()
    assert not (asyncio.run(job.arun(["no"])) if on_loop else job.run(["no"]))
    assert seen == ["before"]


def test_a_hook_that_blocks_keeps_the_job_off_the_loop(job: Job[[str], Any]) -> None:
    """Before, around or after it, or around all jobs: then a thread runs all of them, with the coroutines inside."""

    def around(_how: str) -> Iterator[None]:
        seen.append("plain in")
        yield
        seen.append("plain out")

    def outermost() -> Iterator[None]:
        seen.append("first")
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        yield
        seen.append("last")

    job.around_perform(around)
    assert not job.loops
    job.surround(outermost)
    assert job.run(["a"])
    assert seen == ["first", "before", "in", "plain in", "work a", "plain out", "out", "after", "last"]


def test_what_yields_twice_is_refused() -> None:
    """As with plain hooks; and only async jobs have such hooks, and only around their run."""
    app = App()

    async def twice() -> AsyncIterator[None]:
        yield
        yield

    def plain_twice() -> Iterator[None]:
        yield
        yield

    async def told(_error: BaseException) -> None: ...

    async def code() -> None: ...

    for hook in (twice, plain_twice):
        work = app.job(name=f"work {hook.__name__}")(code)
        work.around_perform(hook)
        with pytest.raises(JobDefinitionError, match="yielded twice"):
            asyncio.run(work.arun([]))
    with pytest.raises(JobDefinitionError, match="only before_perform, around_perform and after_perform"):
        work.on_failure(told)

    @app.job(name="plain")
    def plain() -> None: ...

    with pytest.raises(JobDefinitionError, match="of an async job may be"):
        plain.around_perform(twice)


def test_a_loop_goes_on_while_a_job_is_enqueued() -> None:
    """What blocks is done on a thread, with the context of the caller."""
    import resqd.testing  # noqa: PLC0415 - it is the test's subject

    app = App()

    @app.job(name="work", queue="q")
    def work(number: int) -> None: ...

    async def produce() -> list[Any]:
        return [
            await work.aenqueue(1),
            await app.aenqueue("work", 2),
            await work.using(queue="low").aenqueue(3),
            *await work.aenqueue_many([(4,)]),
        ]

    with resqd.testing.fake(app) as jobs:
        ids = asyncio.run(produce())
    assert [(job.queue, *job.args) for job in jobs.enqueued] == [("q", 1), ("q", 2), ("low", 3), ("q", 4)]
    assert ids == [job.payload.id for job in jobs.enqueued]
