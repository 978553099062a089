"""What an App does from an event loop: each form does what the one without the `a` does."""

import asyncio
from datetime import UTC, datetime, timedelta

import resqd.testing
from resqd.app import App


def test_an_app_enqueues_from_a_task() -> None:
    """By name and by the job itself."""
    app = App()

    @app.job(name="work", queue="q")
    def work(number: int) -> None: ...

    tomorrow = datetime.now(UTC) + timedelta(days=1)

    async def produce() -> None:
        await app.aenqueue("work", 1)
        await app.aenqueue_to("other", work, 2)
        await app.aenqueue_many(work, [(3,)])
        await app.aenqueue_in(60, "work", 4)
        await app.aenqueue_at(tomorrow, work, 5)

    with resqd.testing.fake(app) as jobs:
        asyncio.run(produce())
        assert [(job.queue, *job.args) for job in jobs.enqueued] == [("q", 1), ("other", 2), ("q", 3)]
        assert [job.args for job in jobs.later] == [[4], [5]]
