"""Jobs that run later, as an application enqueues them and asks for them by id, with a real daemon."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis

import resqd
from resqd.testing import fake, inline


def note(tag: str) -> str:
    return tag


@pytest.fixture
def app(redis_url: str) -> Iterator[resqd.App]:
    app = resqd.App(redis_url)
    app.job(queue="mail", name="note")(note)
    yield app
    app.store.close()


def test_a_job_is_found_moved_run_and_cancelled_by_its_id(app: resqd.App) -> None:
    """In each place that it can be in."""
    job = app.find("note")
    later, waits = job.enqueue_in(600, "a"), job.enqueue("b")
    assert later
    assert waits
    assert (app.where(later), app.where(waits), app.where("none")) == ("later", "waiting", "gone")
    assert app.where(waits, queue="other") == "gone"
    assert app.reschedule(later, at=datetime.now(UTC) + timedelta(hours=1))
    [listed] = app.later(job)
    assert listed.due > time.time() + 3000
    assert (listed.ticket, listed.queue, listed.payload.args) == (later, "mail", ["a"])
    assert app.run_now(later)
    assert not app.run_now(later)
    assert app.peek("mail", 0, 1)[0].id == later
    assert (app.cancel(waits), app.cancel(waits, queue="mail")) == ("gone", "waiting")
    assert app.cancel(later, queue="mail") == "waiting"
    assert app.size("mail") == 0


def test_all_of_a_job_are_cancelled_or_run(app: resqd.App) -> None:
    """Others stay."""
    job = app.find("note")
    job.using(delay=600).enqueue_many([(f"{number}",) for number in range(1200)])
    app.job(queue="low", name="other")(lambda: None)
    app.enqueue_in(600, "other")
    assert (len(app.later()), len(app.later("other")), len(app.later(queue="mail"))) == (1201, 1, 1200)
    with pytest.raises(TypeError, match="give job or queue"):
        app.cancel_all()
    assert app.run_all_now(queue="nowhere") == 0
    assert app.cancel_all(job=job) == 1200
    assert app.later().run_all_now() == 1
    assert (len(app.later()), app.size("low")) == (0, 1)


def test_front_goes_before_what_waits(app: resqd.App) -> None:
    """Many keep their order there."""
    job = app.find("note")
    job.enqueue("last")
    job.using(front=True).enqueue_many([("first",), ("second",)])
    assert [each.args for each in app.peek("mail", 0, 9)] == [["first"], ["second"], ["last"]]


def test_tests_have_a_clock_of_their_own(app: resqd.App) -> None:
    """What is to run later is there to be looked at, and runs when the test lets time go by; inline runs it at once."""
    job = app.find("note")
    with fake(app) as jobs:
        job.enqueue_in(60, "b")
        job.enqueue_in(30, "a")
        job.using(front=True).enqueue("now")
        assert ([each.args for each in jobs.later], jobs.drain()) == ([["a"], ["b"]], 1)
        assert (jobs.advance(30), jobs.advance(29), jobs.drain()) == (1, 0, 1)
        assert (jobs.advance(1), jobs.drain()) == (1, 1)
        assert jobs.args_of("note") == [["now"], ["a"], ["b"]]
    with inline(app):
        assert job.enqueue_in(60, "c")
    assert len(app.later()) == 0


def test_single_jobs_are_found_and_changed_from_a_task(redis_url: str, redis_client: redis.Redis) -> None:
    """Later, put off, run now, cancelled."""
    app = resqd.App(redis_url)

    @app.job(name="work", queue="q")
    def work() -> None: ...

    async def act() -> list[object]:
        first, second = await work.aenqueue_in(60), await work.aenqueue_in(60)
        assert first is not None
        assert second is not None
        return [
            await app.awhere(first),
            await app.areschedule(first, delay=90),
            await app.arun_now(first),
            await app.awhere(first, queue="q"),
            await app.acancel(second),
            await app.awhere(second),
        ]

    assert asyncio.run(act()) == ["later", True, True, "waiting", "later", "gone"]
    assert redis_client.llen("resque:queue:q") == 1
    app.close()
