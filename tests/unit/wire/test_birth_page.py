"""What a job thread writes and the master reads, whatever the job is called and whenever it looks."""

import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from resqd.text import shown
from resqd.wire.birth import Page, id_line, text_line, write_limit, write_line
from resqd.wire.messages import Running


@pytest.fixture
def page() -> Iterator[Page]:
    page = Page(2)
    yield page
    page.close()


def write(page: Page, thread: int, token: int, job_id: str, job_class: str = "Archive") -> None:
    page.cells[thread] = token
    write_line(*page.line(thread), 90.5, id_line(job_id), text_line(job_class), b"mail", token)


def test_a_job_is_named_from_its_line(page: Page) -> None:
    """By its thread; nothing stands for an idle one; a mapping of the same memory reads the same."""
    write(page, 1, 7 << 16, "f00d")
    other = Page(2, os.dup(page.descriptor))
    for each in (page, other):
        assert each.jobs() == (Running(1, 7 << 16, "f00d", "Archive", "mail", 90.5, b""),)
        assert each.running() == (7 << 16,)
    other.close()


def test_a_line_of_the_job_before_is_not_the_next_ones(page: Page) -> None:
    """A job whose token stands there and whose line does not yet has no name."""
    write(page, 0, 7, "old")
    page.cells[0] = 8
    assert page.jobs() == (Running(0, 8, "", "", "", 0.0, b""),)
    page.cells[0] = 0
    assert page.jobs() == ()


@pytest.mark.parametrize(
    "job_id", ["", "a\0", "\0", "é" * 40, "\ud800", "x" * 63, "x" * 64, "x" * 70_000, "\x1b[2J\n"]
)
def test_any_id_is_found_again(page: Page, job_id: str) -> None:
    """Whole where there is room, else by its beginning and a digest: what is asked for is compared in the same form."""
    write(page, 0, 7, job_id)
    write(page, 1, 8, job_id + "y")
    (first, second) = page.jobs()
    assert first.job_id == shown(job_id)
    assert second.job_id == shown(job_id + "y") != first.job_id
    first.job_id.encode()


def test_long_names_are_cut(page: Page) -> None:
    """In the midst of a character too; the fields beside them stay as they are."""
    write(page, 0, 7, "id", "Ä" * 200)
    (job,) = page.jobs()
    assert job.job_class.startswith("ÄÄÄ")
    assert (job.job_id, job.queue, job.since) == ("id", "mail", 90.5)


def test_a_look_during_a_write_tells_no_mixture(page: Page) -> None:
    """Another thread writes jobs whose id and class agree, as fast as it can: what is read agrees, or has no name."""
    over = threading.Event()

    def scribble() -> None:
        token = 0
        while not over.is_set():
            token += 1
            write(page, 0, token, str(token), f"class {token}")

    writer, before = threading.Thread(target=scribble), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # else thousands of looks fall between two steps of the writer
    writer.start()
    named = looks = 0
    until = time.monotonic() + 20
    try:
        while (looks < 5_000 or not named) and time.monotonic() < until:
            looks += 1
            for job in page.jobs():
                assert job.job_class == (f"class {job.token}" if job.job_id else "")
                assert job.job_id in ("", str(job.token))
                named += bool(job.job_id)
    finally:
        over.set()
        writer.join()
        sys.setswitchinterval(before)
    assert named


def test_a_job_is_overdue_by_its_own_limit_only(page: Page) -> None:
    """The limit that an earlier job has left on its thread is nobody's."""
    write(page, 0, 7, "a")
    write_limit(*page.limit(0), 50.0, 7)
    write(page, 1, 8, "b")
    assert page.overdue(49.9) == frozenset()
    assert page.overdue(50.0) == {7}
    write(page, 0, 9, "c")
    assert page.overdue(60.0) == frozenset()
    page.cells[0] = 0
    assert page.overdue(60.0) == frozenset()
