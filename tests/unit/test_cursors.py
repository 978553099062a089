"""Cursors: what they may be, and walking rows with one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from resqd.cursors import MOST, read, walk, walk_async, write
from resqd.errors import Handover


class Job:
    """A long job without a worker."""

    def __init__(self, cursor: Any = None, leave_after: int = -1) -> None:
        self.cursor = cursor
        self.kept: list[Any] = []
        self.looks = 0
        self.leave_after = leave_after

    @property
    def leaving(self) -> bool:
        self.looks += 1
        return self.looks == self.leave_after

    def checkpoint(self, cursor: object) -> None:
        self.kept.append(cursor)


@pytest.mark.parametrize("cursor", [None, 0, 7, "a/b", [1, "x"], {"id": 3.5}, b"", b"\0\xff", "\ud800"])
def test_a_cursor_comes_back_as_it_was(cursor: object) -> None:
    """JSON and bytes."""
    assert read(write(cursor)) == cursor


def test_what_cannot_be_a_cursor_is_refused() -> None:
    """With the remedy; and what stands there and is none of ours is none."""
    with pytest.raises(TypeError, match="str"):
        write(object())
    with pytest.raises(TypeError):
        write(float("nan"))
    with pytest.raises(ValueError, match="65,537"):
        write(b"x" * MOST)
    assert [read(text) for text in (b"", b"=", b"////", b"e30")] == [None] * 4


def test_rows_are_done_when_the_next_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cursor once a second, and one at the end: never of the row that is worked on."""
    now = [0.0]
    monkeypatch.setattr("resqd.cursors.time.monotonic", lambda: now[0])
    job = Job()
    for row in walk("abcdef", job, str.upper):
        now[0] += 0.4
        assert row.upper() not in job.kept
    assert job.kept == ["C", "F"]


def test_rows_without_a_key_are_counted_and_passed_over() -> None:
    """So that the same rows in the same order go on where they were."""
    job = Job(cursor=2)
    assert list(walk("abcde", job, None)) == ["c", "d", "e"]
    assert job.kept == [5]


def test_a_walk_that_leaves_has_told_its_last_row() -> None:
    """One row at least is done, so a job that is always asked to leave comes to its end."""
    job, done = Job(leave_after=1), list[str]()
    with pytest.raises(Handover):
        done.extend(walk("abc", job, str))
    assert (done, job.kept) == (["a"], ["a"])


def test_a_row_that_fails_is_not_done() -> None:
    """Those before it are, and are told as the error leaves the loop."""

    def work(job: Job) -> None:
        for row in walk("abc", job, str):
            if row == "c":
                raise ValueError("no")

    job = Job()
    with pytest.raises(ValueError, match="no"):
        work(job)
    assert job.kept == ["b"]


def test_async_rows_too() -> None:
    """The same for what an async job walks."""

    async def letters() -> AsyncIterator[str]:
        for letter in "abcd":
            yield letter

    async def work(job: Job) -> list[str]:
        return [row async for row in walk_async(letters(), job, None)]

    job = Job(cursor=1)
    assert asyncio.run(work(job)) == ["b", "c", "d"]
    assert job.kept == [4]
    leaves = Job(leave_after=2)
    with pytest.raises(Handover):
        asyncio.run(work(leaves))
    assert leaves.kept == [2]
