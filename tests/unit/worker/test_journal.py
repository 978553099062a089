"""What long jobs say of themselves, on its way to Redis."""

from resqd.cursors import Progress
from resqd.threads import Wake
from resqd.worker.journal import KEEP_EVERY, Journal


def test_the_last_cursor_of_each_job_is_taken_now_and_then() -> None:
    """And at once where jobs have ended; what was taken is still known to its job."""
    now = [100.0]
    journal = Journal(lambda: now[0])
    assert (journal.take(ended=True), journal.next_at) == ({}, float("inf"))
    for cursor in (b"1", b"2"):
        journal.keep(7, cursor)
    journal.keep(8, b"x")
    assert journal.take(ended=False) == {7: b"2", 8: b"x"}
    journal.keep(7, b"3")
    assert journal.next_at == 100 + KEEP_EVERY
    assert journal.take(ended=False) == {}
    assert journal.take(ended=True) == {7: b"3"}
    journal.keep(7, b"4")
    now[0] += KEEP_EVERY
    assert journal.take(ended=False) == {7: b"4"}
    assert journal.cursor(7) == b"4"


def test_jobs_that_have_ended_are_forgotten() -> None:
    """Their numbers are never used again."""
    journal = Journal()
    journal.keep(7, b"1")
    journal.tell(7, Progress(1, 2, ""))
    assert journal.progress(7) == (1, 2, "")
    journal.forget([7, 8])
    assert (journal.cursor(7), journal.progress(7)) == (b"", None)


def test_a_fetcher_that_sleeps_is_woken() -> None:
    """One that does not comes by."""
    orders: list[str] = []
    wake, journal = Wake(), Journal()
    journal.begin(wake=wake, holding=lambda: bool(orders))
    rung = []
    for armed in (False, True):
        wake.armed = armed
        journal.keep(1, b"1")
        rung.append(wake._rung)
    assert rung == [False, True]
    leaving = [journal.leaving]
    orders.append("hold")
    assert [*leaving, journal.leaving] == [False, True]
