"""Pauses between tries."""

from resqd.store.redis.health import Backoff


def test_pauses_double_up_to_four_seconds_and_start_again() -> None:
    """The longest pause is 4 s; after an answer they are short again."""
    backoff = Backoff(lambda: 1.0)
    assert [backoff.delay() for _ in range(9)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 4.0, 4.0]
    backoff.reset()
    assert backoff.delay() == 0.05


def test_pauses_are_jittered() -> None:
    """Two daemons with other random numbers do not come back in step."""
    assert Backoff(lambda: 0.0).delay() == 0.025
    assert Backoff(lambda: 0.5).delay() == 0.05 * 0.75


def test_a_refusal_waits_longest_at_once() -> None:
    """A wrong password is tried at most once in 5 s."""
    assert Backoff(lambda: 0.0).delay(refused=True) == 5.0
