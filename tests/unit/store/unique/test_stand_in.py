from resqd.store.unique.locks import Claim, Terms
from resqd.store.unique.stand_in import FakeLocks

RAW = b'{"resqd":{"owes":{"unique":"f a"}},"class":"A","args":[]}'
SKIP = Terms.of("skip", 0.0, 100.0)


def claim(ticket: str) -> Claim:
    return Claim("f", ticket, RAW)


def test_a_lock_is_held_until_its_job_has_ended_or_for_too_long() -> None:
    locks = FakeLocks()
    assert locks.claim(claim("a"), SKIP, 0.0, replace=lambda _: False) is None
    locks.settle(RAW, "start")
    assert locks.claim(claim("b"), SKIP, 99.0, replace=lambda _: False) == "a"
    locks.settle(RAW, "unique")
    assert locks.claim(claim("b"), SKIP, 99.0, replace=lambda _: False) is None
    locks.settle(RAW, "unique")
    assert locks.claim(claim("c"), SKIP, 100.0, replace=lambda _: False) == "b"
    assert locks.claim(claim("c"), SKIP, 199.0, replace=lambda _: False) is None


def test_a_job_that_is_later_is_replaced() -> None:
    locks, terms = FakeLocks(), Terms.of("replace", 0.0, 100.0)
    assert locks.claim(claim("a"), terms, 0.0, replace=lambda _: False) is None
    assert locks.claim(claim("b"), terms, 0.0, replace=lambda _: False) == "a"
    assert locks.claim(claim("b"), terms, 0.0, replace=lambda ticket: ticket == "a") is None


def test_a_window_is_over_after_its_time() -> None:
    locks, terms = FakeLocks(), Terms.of("skip", 5.0, 100.0)
    held = [locks.claim(claim("a"), terms, now, replace=lambda _: True) for now in (0.0, 4.9, 5.0)]
    assert held == [None, "", None]
