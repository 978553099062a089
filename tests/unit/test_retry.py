"""Policies of retries: how long, how often, for which errors; and what a running job may ask for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.errors import JobDefinitionError
from resqd.retry import Again, Discard, Dropped, Retry, RetryLater, Snooze, decide, policy_of, sidekiq

draws = st.floats(0, 1)
attempts = st.integers(1, 10_000)


def test_times_alone_follows_sidekiqs_curve_to_21_days() -> None:
    """15 s, 16 s, 31 s, 96 s … without the spread: as Sidekiq's wiki has it, 25 retries take about 20 days."""
    policy = Retry(25)

    delays = [policy.delay(attempt, 0.0) for attempt in range(1, 26)]

    assert delays[:4] == [15.0, 16.0, 31.0, 96.0]
    assert 20 < sum(delays) / 86_400 < 21
    assert policy.delay(3, 1.0) == 31.0 + 30.0


@given(attempts, draws)
def test_a_growing_delay_stays_between_its_bounds(attempt: int, draw: float) -> None:
    """However many tries there were: never over the longest, and within the jitter of the exact one."""
    policy = Retry(3, first=2.0, factor=3.0, most=500.0, jitter=0.2)

    delay = policy.delay(attempt, draw)

    exact = min(500.0, 2.0 * 3.0 ** min(attempt - 1, 100))
    assert 0.8 * exact - 1e-9 <= delay <= min(500.0, 1.2 * exact) + 1e-9


@given(st.integers(0, 30), st.integers(1, 40), draws)
def test_there_are_as_many_retries_as_were_asked_for(times: int, attempt: int, draw: float) -> None:
    """The first try is none of them."""
    found = decide(Retry(times), attempt=attempt, error=ValueError(), draw=draw)

    assert (found is not None) == (attempt <= times)


@given(attempts, draws)
def test_every_delay_is_a_number_that_a_clock_can_hold(attempt: int, draw: float) -> None:
    """Also far beyond any sensible number of tries."""
    for delay in (sidekiq(attempt, draw), Retry(1, factor=1e300).delay(attempt, draw)):
        assert math.isfinite(delay)
        assert delay >= 0


def test_only_and_never_choose_by_the_errors_class() -> None:
    """Subclasses count; `never` wins."""
    policy = Retry(3, only=(OSError,), never=(PermissionError,))

    assert decide(policy, attempt=1, error=ConnectionError())
    assert decide(policy, attempt=1, error=PermissionError()) is None
    assert decide(policy, attempt=1, error=ValueError()) is None
    assert Retry(1, only=OSError).only == (OSError,)  # type: ignore[arg-type] # one class is a usual slip, and clear


def test_a_callable_decides_and_may_give_up() -> None:
    """It gets the number of the try that failed and the error."""
    seen = []

    def policy(attempt: int, error: BaseException) -> float | None:
        seen.append((attempt, type(error)))
        return 2.0 * attempt if attempt < 3 else None

    assert decide(policy, attempt=2, error=ValueError()) == Again(4.0)
    assert decide(policy, attempt=3, error=ValueError()) is None
    assert seen == [(2, ValueError), (3, ValueError)]


@pytest.mark.parametrize("delay", ["soon", float("nan"), -1, True])
def test_what_is_no_delay_is_refused(delay: object) -> None:
    """From a callable it is the job's own error; in an exception it is said where that is made."""
    with pytest.raises(ValueError, match="delay of"):
        decide(lambda _attempt, _error: delay, attempt=1, error=ValueError())  # type: ignore[arg-type] # on purpose
    with pytest.raises(ValueError, match="Snooze"):
        Snooze(delay)  # type: ignore[arg-type] # on purpose


def test_a_job_may_decide_by_what_it_raises() -> None:
    """RetryLater counts and keeps to the policy's number; Snooze does not count; Discard ends it."""
    assert decide(Retry(2), attempt=1, error=RetryLater(7)) == Again(7.0)
    assert decide(Retry(2, only=(OSError,)), attempt=1, error=RetryLater(7)) == Again(7.0)
    assert decide(Retry(2), attempt=3, error=RetryLater(7)) is None
    assert decide(None, attempt=25, error=RetryLater(7)) == Again(7.0)
    assert decide(None, attempt=26, error=RetryLater(7)) is None
    assert decide(None, attempt=99, error=Snooze(3)) == Again(3.0, counted=False)
    assert decide(Retry(9), attempt=1, error=Discard("stale")) == Dropped("stale")
    assert decide(None, attempt=1, error=ValueError()) is None


@pytest.mark.parametrize("option", ["3", -1, True, 2.5, object()])
def test_an_option_that_is_no_policy_is_refused(option: object) -> None:
    """With what it takes instead."""
    with pytest.raises(JobDefinitionError, match="retry"):
        policy_of(option)


def test_a_number_is_a_policy() -> None:
    """None is none."""
    assert policy_of(3) == Retry(3)
    assert policy_of(None) is None
    assert policy_of(Retry(4)) == Retry(4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": -1},
        {"factor": 0.5},
        {"most": float("nan")},
        {"jitter": 2},
        {"only": (3,)},
        {"never": ("ValueError",)},
    ],
)
def test_a_wrong_part_of_a_policy_is_named(wrong: dict[str, object]) -> None:
    """Each by its name."""
    with pytest.raises(JobDefinitionError, match=next(iter(wrong))):
        Retry(3, **wrong)  # type: ignore[arg-type] # on purpose
