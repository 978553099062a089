"""What is enqueued is put aside, and goes its way later."""

from typing import TYPE_CHECKING

import pytest

from resqd.app import App
from resqd.application.aside import Held, putting
from resqd.application.parts import parts_of
from resqd.errors import BatchError, StoreUnavailable
from resqd.unique import Unique
from tests.support.outlets import Calls

if TYPE_CHECKING:
    from resqd.job import Job


@pytest.fixture
def app() -> App:
    return App("redis://127.0.0.1:1")


@pytest.fixture
def calls(app: App) -> Calls:
    calls = Calls()
    parts_of(app).producer.redirect(calls)
    return calls


@pytest.fixture
def mail(app: App) -> "Job[[int], None]":
    @app.job(queue="mail")
    def mail(number: int) -> None:
        del number

    return mail


def test_nothing_goes_before_it_is_released(calls: Calls, mail: "Job[[int], None]") -> None:
    """Then all goes in its order, those of one queue in one call; a second release has nothing."""
    held = Held()
    with putting(held):
        first = mail.enqueue(1)
        mail.enqueue_many([(2,), (3,)])
        mail.enqueue_to("low", 4)
        mail.enqueue(5)
    assert (first is not None, calls.made) == (True, [])
    held.release()
    held.release()
    assert calls.made == [("push", "mail", [1, 2, 3]), ("push", "low", [4]), ("push", "mail", [5])]


def test_each_way_of_enqueueing_is_kept(app: App, calls: Calls, mail: "Job[[int], None]") -> None:
    """To the front, in whose calls the order counts; later; unique, where a conflict is found out too late to raise."""

    @app.job(queue="mail", unique=Unique(on_conflict="raise"), keep_result=60)
    def once(number: int) -> None:
        del number

    held = Held()
    with putting(held):
        mail.using(front=True).enqueue(1)
        mail.using(front=True).enqueue(2)
        mail.enqueue_in(5, 3)
        once.enqueue(4)
        once.enqueue(4)
    held.release()
    assert calls.made == [
        ("keeps results", "", []),
        ("front", "mail", [1]),
        ("front", "mail", [2]),
        ("later in 5000000", "mail", [3]),
        ("unique skip", "mail", [4, 4]),
    ]


def test_what_is_enqueued_beside_the_block_goes_at_once(calls: Calls, mail: "Job[[int], None]") -> None:
    """And what is never released never goes."""
    with putting(Held()):
        mail.enqueue(1)
    mail.enqueue(2)
    assert calls.made == [("push", "mail", [2])]


def test_one_takes_what_another_holds(calls: Calls, mail: "Job[[int], None]") -> None:
    """Behind its own, and the other has nothing left."""
    outer, inner = Held(), Held()
    for held, number in ((outer, 1), (inner, 2)):
        with putting(held):
            mail.enqueue(number)
    outer.take(inner)
    inner.release()
    assert calls.made == []
    outer.add(lambda: calls.made.append(("act", "", [])))
    outer.release()
    assert calls.made == [("push", "mail", [1]), ("push", "mail", [2]), ("act", "", [])]


def test_a_batch_refuses_jobs_that_wait(app: App, calls: Calls, mail: "Job[[int], None]") -> None:
    """Else they would go with the batch, whatever becomes of what they wait for."""
    with pytest.raises(BatchError, match="after the commit"), app.batch(), putting(Held()):
        mail.enqueue(1)
    assert calls.made == []


def test_what_goes_wrong_is_raised_by_the_release(calls: Calls, mail: "Job[[int], None]") -> None:
    """And nothing goes behind it."""
    held = Held()
    with putting(held):
        mail.enqueue(1)
    held.add(lambda: calls.made.append(("act", "", [])))
    calls.down = True
    with pytest.raises(StoreUnavailable):
        held.release()
    assert calls.made == []
