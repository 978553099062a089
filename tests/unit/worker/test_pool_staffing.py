"""How many job threads are started, and when."""

from __future__ import annotations

import pytest

from resqd.worker.pool import LOOK_EVERY, PATIENCE, QUICK, Staffing

LOOK = 1.01 * LOOK_EVERY


def test_each_long_job_has_a_thread_at_once() -> None:
    """Where jobs are known to be slow they begin as far as slots allow; threads that stand are counted."""
    staffing = Staffing()
    for started, unfinished, missing in ((0, 3, 3), (3, 3, 0), (3, 20, 5), (8, 20, 0), (2, 0, 0)):
        asked = staffing.missing(
            started=started, slots=8, unfinished=unfinished, ended=0, pace=QUICK / 2, now=1.0
        )
        assert (asked, staffing.short) == (missing, False)


@pytest.mark.parametrize("pace", [0.0, QUICK * 2])
def test_one_thread_is_enough_for_short_jobs(pace: float) -> None:
    """It starts alone, and stays alone for as long as jobs end quickly."""
    staffing = Staffing()
    assert staffing.missing(started=0, slots=8, unfinished=100, ended=0, pace=pace, now=1.0) == 1
    for step in range(1, 50):
        now, ended = 1.0 + step * LOOK, round(step * LOOK * QUICK * 2)
        assert staffing.missing(started=1, slots=8, unfinished=100, ended=ended, pace=pace, now=now) == 0
        assert staffing.short


@pytest.mark.parametrize("pace", [0.0, QUICK * 2])
def test_threads_double_while_jobs_do_not_end(pace: float) -> None:
    """The pace was not known, or of other jobs: after a few looks every job has its thread, and no look is due."""
    staffing = Staffing()
    started = 0
    for look, threads in enumerate((1, *[1] * (PATIENCE - 1), 2, 4, 7)):
        now = 1.0 + look * LOOK
        started += staffing.missing(started=started, slots=8, unfinished=7, ended=0, pace=pace, now=now)
        assert started == threads
        assert (
            staffing.missing(started=started, slots=8, unfinished=7, ended=0, pace=pace, now=now + LOOK / 2)
            == 0
        )
    assert not staffing.short


def test_a_moment_without_a_processor_starts_no_thread() -> None:
    """A look that finds nothing done is forgotten when the next one finds the jobs quick."""
    staffing = Staffing()
    staffing.missing(started=0, slots=8, unfinished=100, ended=0, pace=0.0, now=1.0)
    now, ended = 1.0, 0
    for step in range(40):
        now += LOOK
        ended += 0 if step % PATIENCE else round(LOOK * QUICK * 3)
        assert staffing.missing(started=1, slots=8, unfinished=100, ended=ended, pace=0.0, now=now) == 0
