"""A result as it is looked up and waited for, without Redis."""

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest

from resqd.application.results import Result
from resqd.errors import JobFailed


class Kept:
    """In the store's place."""

    def __init__(self) -> None:
        self.raw: bytes | None = None
        self.looks = 0
        self.expected: list[Future[bytes | None]] = []
        self.forgotten: list[Future[bytes | None]] = []

    def result(self, job_id: str) -> bytes | None:
        assert job_id == "a"
        self.looks += 1
        return self.raw

    def expect_result(self, _job_id: str) -> Future[bytes | None]:
        self.expected.append(Future())
        if self.raw is not None:
            self.expected[-1].set_result(self.raw)
        return self.expected[-1]

    def forget_result(self, _job_id: str, expected: Future[bytes | None]) -> None:
        self.forgotten.append(expected)


def made(store: Any) -> Result:
    return Result(store, "a")


def test_it_is_looked_up_until_it_is_there() -> None:
    """And then stays, though Redis forgets it."""
    store = Kept()
    result = made(store)
    assert (result.state, result.value, result.error) == ("pending", None, None)
    store.raw = b'{"state":"done","value":[1]}'
    assert (result.value, result.wait(1)) == ([1], [1])
    store.raw = None
    assert (result.state, store.looks, store.expected) == ("done", 4, [])


def test_who_waits_no_more_is_forgotten() -> None:
    """After its time, on a thread or a loop; the error says how long it was."""
    store = Kept()
    with pytest.raises(TimeoutError, match=r"job a has not ended within 0.01 s"):
        made(store).wait(0.01)
    with pytest.raises(TimeoutError, match=r"job a has not ended within 0.01 s"):
        asyncio.run(made(store).wait_async(0.01))
    assert len(store.expected) == 2
    assert store.forgotten == store.expected


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'{"state":"failed","error":"E: no"}', "job a has failed: E: no"),
        (b'{"state":"expired"}', "job a has expired"),
        (b'{"state":"removed"}', "job a has been removed"),
    ],
)
def test_another_end_is_an_error(raw: bytes, text: str) -> None:
    """Which says how it ended."""
    store = Kept()
    store.raw = raw
    with pytest.raises(JobFailed, match=f"^{text}$") as failure:
        made(store).wait(1)
    assert failure.value.state in raw.decode()
    with pytest.raises(JobFailed, match=f"^{text}$"):
        asyncio.run(made(store).wait_async(1))
