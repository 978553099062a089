"""What is left of JOBS_PER_FORK."""

from __future__ import annotations

from resqd.worker.prefetch import LAST_JOBS, SUCCESSOR_AHEAD, Permits


def test_without_a_limit_they_never_run_out() -> None:
    """JOBS_PER_FORK 0: any number of jobs may begin, and no end comes near."""
    permits = Permits(None)
    permits.take(10_000)
    assert not permits.out
    assert not permits.near_end(1e9)


def test_taking_and_giving_back_is_exact() -> None:
    """A fork begins exactly its number of jobs, however many it returned unbegun."""
    permits = Permits(10)
    permits.take(10)
    assert permits.out
    permits.give_back(3)
    assert permits.left == 3
    permits.take(3)
    assert permits.out


def test_spent_permits_do_not_come_back() -> None:
    """Once the quotas were given back for good, returned jobs bring no permits."""
    permits = Permits(1)
    permits.take(1)
    permits.spent = True
    permits.give_back(1)
    assert permits.out


def test_end_is_near_when_the_rest_takes_less_than_a_successor_needs() -> None:
    """The successor is asked for half a second of work before the last permit, at the measured pace."""
    permits = Permits(100)
    assert not permits.near_end(99 / SUCCESSOR_AHEAD)
    assert permits.near_end(100 / SUCCESSOR_AHEAD)


def test_the_last_jobs_get_some_seconds() -> None:
    """Where others have ended before them; then their permits do not come back."""
    permits = Permits(2)
    permits.take(2)
    permits.look(100.0, ended=0)
    permits.look(100.0 + 2 * LAST_JOBS, ended=0)
    assert (permits.outgrown, permits.outgrown_at) == (False, float("inf"))
    permits.look(200.0, ended=1)
    assert permits.outgrown_at == 200 + LAST_JOBS
    permits.look(199.9 + LAST_JOBS, ended=1)
    assert not permits.outgrown
    permits.look(200.0 + LAST_JOBS, ended=1)
    assert (permits.outgrown, permits.spent, permits.outgrown_at) == (True, True, float("inf"))
    permits.give_back(1)
    assert permits.out


def test_permits_that_come_back_end_the_wait() -> None:
    """Jobs that were given back unbegun are no long ones."""
    permits = Permits(1)
    permits.take(1)
    permits.look(100.0, ended=1)
    permits.give_back(1)
    permits.look(100.0 + LAST_JOBS, ended=1)
    assert not permits.outgrown
