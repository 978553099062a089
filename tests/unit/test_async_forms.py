"""What enqueues a job from an event loop: each form does what the one without the `a` does."""

import asyncio
from datetime import UTC, datetime, timedelta

import resqd.testing
from resqd.app import App
from resqd.async_forms import AsyncForms


def test_every_form_of_a_job_has_one_for_tasks() -> None:
    """On its queue, on another, many, in a while and at a moment; by `using` and by a signature as well."""
    app = App()

    @app.job(name="work", queue="q")
    def work(number: int) -> None: ...

    tomorrow = datetime.now(UTC) + timedelta(days=1)

    async def produce() -> list[str | None]:
        return [
            await work.aenqueue(1),
            await work.aenqueue_to("other", 2),
            *await work.aenqueue_many([(3,)]),
            *await work.using(queue="low").aenqueue_many([(4,)]),
            await work.s(5).aenqueue(),
            await work.aenqueue_in(60, 6),
            await work.aenqueue_at(tomorrow, number=7),
        ]

    with resqd.testing.fake(app) as jobs:
        ids = asyncio.run(produce())
        assert [(job.queue, *job.args) for job in jobs.enqueued] == [
            ("q", 1), ("other", 2), ("q", 3), ("low", 4), ("q", 5),
        ]  # fmt: skip
        assert [job.args for job in jobs.later] == [[6], [7]]
    assert len(set(ids)) == 7
    assert None not in ids


def test_none_is_left_out() -> None:
    """Whoever adds one that blocks adds its other form."""
    blocking = {name for name in vars(AsyncForms) if name.startswith("enqueue")}
    assert {f"a{name}" for name in blocking} == {
        name for name in vars(AsyncForms) if name.startswith("aenqueue")
    }
