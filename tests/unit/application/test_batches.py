"""The block of a batch: what it takes, and where that goes without a Redis."""

import pytest

import resqd
from resqd.app import App
from resqd.errors import BatchDone, BatchError
from resqd.store.debts import member_of, owed_by
from resqd.testing import fake, inline
from tests.support.loose_jobs import mail


def test_what_the_block_enqueues_goes_when_it_ends() -> None:
    """Each way to enqueue; jobs of an inner block belong to that, and to the outer one by it."""
    app = App()
    job = app.job(queue="q", name="Mail")(mail)
    with fake(app) as jobs:
        with app.batch() as outer:
            ids = [
                job.enqueue(1),
                *job.enqueue_many([[2]]),
                job.using(front=True).enqueue(3),
                job.enqueue_in(9, 4),
            ]
            ids += [app.enqueue_to("elsewhere", "Unknown", 5)]
            with app.batch() as inner:
                job.using(timeout=3).enqueue(6)
            assert not jobs.enqueued
        job.enqueue(7)
    places = {one.args[0]: member_of(owed_by(one.payload.raw)) for one in [*jobs.enqueued, *jobs.later]}
    for number, job_id in enumerate(ids, 1):
        assert places[number] == (job_id, (outer.id,))
    inner_place = places[6]
    assert inner_place is not None
    assert inner_place[1] == (inner.id, outer.id)
    assert places[7] is None
    marks = next(one.payload.marks for one in jobs.enqueued if one.args == [6])
    assert marks is not None
    assert marks.options["timeout"] == 3


def test_a_block_that_raises_has_enqueued_nothing() -> None:
    """Nor do the blocks inside it, though they ended well."""
    app = App()
    job = app.job(queue="q", name="Mail")(mail)

    def fail() -> None:
        with app.batch():
            with app.batch():
                job.enqueue(1)
            raise ZeroDivisionError

    with fake(app) as jobs:
        with pytest.raises(ZeroDivisionError):
            fail()
        assert not jobs.enqueued
        job.enqueue(2)
        assert jobs.args_of(job) == [[2]]


def test_what_is_no_batch_says_so() -> None:
    """A signature is a job with its arguments; a block is entered once; a job knows its batch, if it has one."""
    app = App()
    job = app.job(queue="q", name="Mail")(mail)
    with pytest.raises(TypeError, match="on_done takes a signature"):
        app.batch(on_done=job)  # type: ignore[arg-type] # that is the mistake
    with pytest.raises(BatchError, match="on_success runs when its turn has come"):
        app.batch(on_success=job.using(delay=3).s(1))
    with pytest.raises(BatchDone, match="no job is running"):
        app.own_batch()
    with fake(app):
        batch = app.batch()
        with batch:
            pass
        with pytest.raises(BatchError, match="entered once"):
            batch.__enter__()

    @app.job(name="Curious")
    def curious() -> None:
        app.own_batch()

    with inline(app), pytest.raises(BatchDone, match="belongs to no batch"):
        curious.enqueue()


def test_batches_are_not_endlessly_deep() -> None:
    """Each end of a job touches all that is around it."""
    app = resqd.App()

    def deeper(depth: int) -> None:
        with app.batch():
            deeper(depth + 1)

    with pytest.raises(BatchError, match="16 batches inside each other"):
        deeper(0)
