"""At which gate a block of a job's code waits, and where it need not."""

from collections.abc import Iterable
from typing import Any

import pytest

import resqd
from resqd.current import Doorman as AnyDoorman
from resqd.errors import StoreUnavailable
from resqd.limits import Limit
from resqd.store.gates.calls import Gate
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.resque.payload import decode
from resqd.worker.doorman import AWAY, Doorman, Doors
from resqd.worker.interrupt import Slot

app = resqd.App()


@app.job(
    name="mail",
    limits=[resqd.limit("pool", resqd.Concurrency(3)), resqd.limit("stripe", resqd.Rate(9, per=1))],
)
def mail(tenant: str) -> None:
    """A job's code."""


def unreachable() -> Link:
    raise StoreUnavailable("away")


def doorman(
    name: str,
    rule: Limit | None = None,
    *,
    within: Iterable[AnyDoorman] = (),
    job: str = "mail",
    token: int = 7,
) -> tuple[Doorman | None, list[str]]:
    used: list[str] = []
    doors = Doors(
        connect=unreachable,
        keys=Keys(),
        inflight="inflight",
        jobs=app.jobs,
        using=lambda: used.append("used"),
    )
    slot = Slot()
    slot.payload = decode(f'{{"class":"{job}","args":["x"]}}'.encode())
    slot.begin(token, "q")
    return doors.doorman(slot, name, rule, within), used


def gate(*given: Any, **options: Any) -> Gate | None:
    found, used = doorman(*given, **options)
    assert bool(used) == (found is not None)
    return None if found is None else found.gate


def test_a_block_has_the_gate_of_its_name() -> None:
    """By its own rule, else that of this application, else whoever defines it in Redis; a value is the job's."""
    assert gate("new", resqd.Concurrency(2)) == Gate("new", "c 2")
    assert gate("stripe") == Gate("stripe", "r 9 1000000")
    assert gate("elsewhere") == Gate("elsewhere", "")
    by = resqd.limit("each", resqd.Concurrency(1, by="tenant")).rule
    assert gate("each", by) == Gate("each=x", "c 1")


def test_a_job_need_not_wait_for_what_it_holds() -> None:
    """But each start that a rate counts is one more."""
    assert gate("pool") is None
    outer, _ = doorman("new", resqd.Concurrency(2))
    assert outer is not None
    assert gate("new", resqd.Concurrency(2), within=[outer]) is None
    assert gate("new", resqd.Concurrency(2), within=[outer], token=8) is not None
    paced, _ = doorman("stripe")
    assert paced is not None
    assert gate("stripe", within=[paced]) == paced.gate


def test_a_job_that_is_not_known_here_holds_nothing() -> None:
    """It will only fail."""
    assert gate("pool", job="unknown") is None


def test_while_redis_is_away_it_is_asked_again() -> None:
    """The job waits, and its end settles what could not be told."""
    found, _ = doorman("new", resqd.Concurrency(2))
    assert found is not None
    assert found.ask() == AWAY
    found.wait(0.01)
    found.leave()


def test_by_needs_a_parameter_of_the_job() -> None:
    """As at its registration."""
    rule = resqd.limit("each", resqd.Concurrency(1, by="customer")).rule
    with pytest.raises(resqd.JobDefinitionError, match="customer"):
        gate("each", rule)
