"""How many job threads are started, and when."""

from __future__ import annotations

from resqd.worker.staffing import LOOK_EVERY, QUICK, Staffing


def test_each_job_has_a_thread_while_the_pace_is_not_known_or_not_quick() -> None:
    """Long jobs begin at once, as far as slots allow; threads that stand are enough for as many jobs."""
    for pace in (0.0, QUICK / 2):
        staffing = Staffing()
        for started, unfinished, missing in ((0, 3, 3), (3, 3, 0), (3, 20, 5), (8, 20, 0), (2, 0, 0)):
            asked = staffing.missing(
                started=started, slots=8, unfinished=unfinished, ended=0, pace=pace, now=1.0
            )
            assert asked == missing


def test_one_thread_is_enough_for_short_jobs() -> None:
    """At a quick pace it starts alone, and stays alone for as long as it keeps that pace."""
    staffing = Staffing()
    assert staffing.missing(started=0, slots=8, unfinished=100, ended=0, pace=QUICK * 2, now=1.0) == 1
    for step in range(1, 50):
        now, ended = 1.0 + step * LOOK_EVERY, round(step * LOOK_EVERY * QUICK * 2)
        assert staffing.missing(started=1, slots=8, unfinished=100, ended=ended, pace=QUICK * 2, now=now) == 0


def test_all_threads_start_when_jobs_turn_out_to_be_long() -> None:
    """The pace was inherited, or of other jobs: one look later nobody waits behind one thread."""
    staffing = Staffing()
    staffing.missing(started=0, slots=8, unfinished=100, ended=0, pace=QUICK * 2, now=1.0)
    soon = 1.0 + LOOK_EVERY / 2
    assert staffing.missing(started=1, slots=8, unfinished=100, ended=0, pace=QUICK * 2, now=soon) == 0
    late = 1.0 + 2 * LOOK_EVERY
    assert staffing.missing(started=1, slots=8, unfinished=99, ended=1, pace=QUICK * 2, now=late) == 7


def test_a_worker_that_stood_idle_does_not_make_a_second_job_wait() -> None:
    """After a rest the last look is long ago, so a job beside a busy thread has a thread of its own at once."""
    staffing = Staffing()
    staffing.missing(started=0, slots=8, unfinished=9, ended=0, pace=QUICK * 2, now=1.0)
    assert staffing.missing(started=1, slots=8, unfinished=2, ended=9, pace=QUICK * 2, now=2.0) == 1
