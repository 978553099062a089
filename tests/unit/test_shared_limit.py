"""Blocks that hold a limit: how long they wait, and that each that has begun ends."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from resqd import LimitFull
from resqd.current import Doorman, Here, bind_thread
from resqd.errors import JobDefinitionError, JobInterrupt
from resqd.limits import Concurrency, Limit, limit
from resqd.store.resque.payload import decode

POOL = Concurrency(2)


class Door:
    """Says how long to wait, in turns, and notes what happens."""

    def __init__(self, log: list[str], name: str, pauses: list[float | BaseException]) -> None:
        self._log, self._name, self._pauses = log, name, pauses

    def ask(self) -> float | None:
        self._log.append(f"ask {self._name}")
        pause = self._pauses.pop(0) if self._pauses else None
        if isinstance(pause, BaseException):
            raise pause
        return pause

    def wait(self, seconds: float) -> None:
        self._log.append(f"wait {seconds:g}")

    def leave(self) -> None:
        self._log.append(f"leave {self._name}")


class Doors:
    def __init__(self, log: list[str], *pauses: float | BaseException) -> None:
        self.log, self.pauses = log, list(pauses)
        self.within: list[int] = []

    def doorman(self, slot: Any, name: str, rule: Limit | None, within: Iterable[Doorman]) -> Door:
        assert slot.queue == "q"
        assert rule is None or rule.name == name
        self.within.append(len(list(within)))
        return Door(self.log, name, self.pauses)


@contextmanager
def job(doors: Doors | None) -> Iterator[None]:
    bind_thread(Here(decode(b'{"class":"Mail"}'), "q", doors=doors))
    try:
        yield
    finally:
        bind_thread(None)


def test_a_block_waits_in_line_and_ends_whatever_happens() -> None:
    """Blocks within blocks end from the inside out."""
    log: list[str] = []
    doors = Doors(log, 0.25, 0.1)
    with job(doors), pytest.raises(ValueError, match="inside"), limit("a", POOL), limit("b"):
        raise ValueError("inside")
    assert log == ["ask a", "wait 0.25", "ask a", "wait 0.1", "ask a", "ask b", "leave b", "leave a"]
    assert doors.within == [0, 1]


def test_a_block_gives_up_its_place_where_it_has_waited_long_enough_or_is_interrupted() -> None:
    """And nothing of it stays behind for the next job of this thread."""
    for error in (LimitFull, JobInterrupt):
        log: list[str] = []
        doors = Doors(log, 0.25, JobInterrupt()) if error is JobInterrupt else Doors(log, 0.25)
        with job(doors), pytest.raises(error), limit("a", POOL, wait=0 if error is LimitFull else None):
            raise AssertionError("it was not to begin")
        assert log[-1] == "leave a"
    doors = Doors([])
    with job(doors), limit("a"):
        pass
    assert doors.within == [0]


def test_what_an_interrupt_has_left_behind_ends_with_the_block_around_it() -> None:
    """Where the inner one's end was never called."""
    log: list[str] = []
    outer, inner = limit("a"), limit("b")
    with job(Doors(log)), outer:
        inner.__enter__()
    assert log == ["ask a", "ask b", "leave b", "leave a"]


def test_nothing_is_held_outside_of_a_worker() -> None:
    """In tests, and where somebody calls the code."""
    with limit("a", POOL), limit("a"):
        pass
    with job(None), limit("a", POOL):
        pass


def test_tasks_wait_beside_each_other() -> None:
    """A block of one task is not within that of another."""
    log: list[str] = []
    doors = Doors(log, 0.001, 0.001)

    async def one() -> None:
        async with limit("a", POOL, wait=5):
            await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(one(), one())

    with job(doors):
        asyncio.run(both())
    assert doors.within == [0, 0]
    assert log.count("ask a") == 4
    assert log.count("leave a") == 2


@pytest.mark.parametrize(
    ("name", "rule", "wait", "says"),
    [
        ("a=b", POOL, None, "no name"),
        ("", None, None, "no name"),
        ("a", 5, None, "no rule"),
        ("a", POOL, -1, "wait is -1"),
        ("a", POOL, True, "wait is True"),
    ],
)
def test_what_cannot_be_meant_is_refused(name: str, rule: Any, wait: Any, says: str) -> None:
    """Where it is written, not where it is entered."""
    with pytest.raises(JobDefinitionError, match=says):
        limit(name, rule, wait=wait)
