"""Who is killed for a job that does not end, where its worker cannot say so."""

from resqd.master.overruns import Overrun, Overruns, Seen
from resqd.master.timeouts import MARGIN, STALL

GRACE = 5.0
END = 6  # the first whole second past GRACE and MARGIN


def seen(*overdue: int, heard: float = 9.0, running: tuple[int, ...] = ()) -> Seen:
    return Seen(1, heard, frozenset((*overdue, *running)), frozenset(overdue))


def looks(state: Overruns, worker: Seen, *moments: float) -> list[list[Overrun]]:
    return [state.look([worker], 10.0 + moment) for moment in moments]


def test_a_lone_job_is_the_culprit_after_the_grace() -> None:
    """Not before: it may yet end by itself."""
    state = Overruns(GRACE)
    assert looks(state, seen(7), *range(END)) == [[]] * END
    assert looks(state, seen(7), END) == [[Overrun(1, 7)]]
    assert END - 1 < GRACE + MARGIN


def test_of_several_jobs_none_is_convicted() -> None:
    """A neighbour without a timeout may hold the GIL, and the overdue one have ended long ago."""
    state = Overruns(GRACE)
    assert looks(state, seen(7, running=(8,)), *range(END + 1))[-1] == [Overrun(1, None)]
    state = Overruns(GRACE)
    assert looks(state, seen(7, 8), *range(END + 1))[-1] == [Overrun(1, None)]


def test_a_word_begins_the_count_anew() -> None:
    """A worker that speaks interrupts its jobs itself."""
    state = Overruns(GRACE)
    looks(state, seen(7), *range(5))
    assert looks(state, seen(7, heard=14.5), *range(5, 5 + END)) == [[]] * END
    assert looks(state, seen(7, heard=14.5), 5 + END) == [[Overrun(1, 7)]]


def test_a_gap_between_looks_does_not_count() -> None:
    """The whole host may have stood still."""
    state = Overruns(GRACE)
    looks(state, seen(7), 0, 1)
    gap = 1 + STALL + 0.1
    assert looks(state, seen(7), gap, gap + GRACE / 2, gap + GRACE) == [[], [], []]
    assert looks(state, seen(7), gap + GRACE + MARGIN) == [[Overrun(1, 7)]]


def test_another_job_is_another_count() -> None:
    """Also where it is overdue as soon as the first has ended."""
    state = Overruns(GRACE)
    looks(state, seen(7), *range(5))
    assert looks(state, seen(8), *range(5, 5 + END)) == [[]] * END
