"""The books: totals over the living and the dead, and the pace."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from resqd.master.child import NO_STATS
from resqd.master.ledger import WINDOW, Ledger, Totals


def test_totals_outlive_the_forks() -> None:
    """A report that is late or comes twice changes nothing; a dead fork's last one stays."""
    ledger = Ledger(past=Totals(100, 10))
    for processed in (5, 9, 9, 7):
        ledger.report(1, replace(NO_STATS, processed=processed, failed=processed // 5))
    ledger.report(2, replace(NO_STATS, processed=3))
    assert (ledger.processed, ledger.failed) == (112, 11)
    ledger.buried(1)
    ledger.buried(3)
    assert (ledger.processed, ledger.failed) == (112, 11)
    assert ledger.past == Totals(109, 11)


def test_the_pace_is_that_of_the_last_seconds() -> None:
    """Over a window, so that an old burst is forgotten."""
    ledger = Ledger()
    assert ledger.per_second(0.0) == 0.0
    ledger.sample(0.0)
    ledger.report(1, replace(NO_STATS, processed=1000))
    ledger.sample(1.0)
    assert ledger.per_second(1.0) == 1000.0
    for tenth in range(10, 300):
        ledger.sample(tenth / 10)
    assert ledger.per_second(WINDOW * 3) == 0.0


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 50), st.integers(0, 9)), max_size=40))
def test_no_order_of_reports_counts_anything_twice(reports: list[tuple[int, int, int]]) -> None:
    """The totals are the highest that each fork ever said, whoever was buried when."""
    ledger = Ledger()
    best: dict[int, tuple[int, int]] = {}
    for fork, processed, failed in reports:
        ledger.report(fork, replace(NO_STATS, processed=processed, failed=failed))
        before = best.get(fork, (0, 0))
        best[fork] = max(before[0], processed), max(before[1], failed)
        assert ledger.processed == sum(most for most, _ in best.values())
        assert ledger.failed == sum(most for _, most in best.values())
    for fork in best:
        ledger.buried(fork)
    assert (ledger.processed, ledger.failed) == ledger.past[:2]
    assert ledger.past[:2] == (sum(most for most, _ in best.values()), sum(most for _, most in best.values()))


def test_what_became_of_jobs_is_counted_too() -> None:
    """Over the living and the dead."""
    ledger = Ledger()
    for fork in (1, 2):
        ledger.report(fork, replace(NO_STATS, processed=9, retried=1, discarded=2, expired=3, timeouts=4))
    ledger.buried(1)
    assert ledger.totals == Totals(18, 0, 2, 4, 6, 8)
