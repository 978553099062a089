"""The deadlines of jobs that are being stopped: when their process is killed, and for whose sake."""

from resqd.master.timeouts import MARGIN, SIBLINGS_GRACE, Cordon, Execute, Kills

NOBODY: dict[int, tuple[int, ...]] = {}


def test_a_job_that_ends_in_time_costs_nothing() -> None:
    """Its token is off the page: the order is forgotten."""
    kills = Kills(5.0)
    kills.order(1, frozenset({7}), 0.0)
    assert kills.due({1: (7,)}, 4.0) == []
    assert kills.due({1: ()}, 4.5) == []
    assert not kills.busy
    assert kills.next_at() is None


def test_a_stuck_job_alone_is_executed_at_its_deadline() -> None:
    """At KILL_GRACE and a margin, not before."""
    kills = Kills(5.0)
    kills.order(1, frozenset({7}), 0.0)
    assert kills.next_at() == 5.0 + MARGIN
    assert kills.due({1: (7,)}, 5.0) == []
    assert kills.due({1: (7,)}, 5.0 + MARGIN) == [Execute(1, frozenset({7}))]
    assert not kills.busy


def test_siblings_get_another_grace() -> None:
    """The process takes no more jobs first; then it is killed, for the stuck job's sake only."""
    kills = Kills(5.0)
    kills.order(1, frozenset({7}), 0.0)
    assert kills.due({1: (7, 8)}, 6.0) == [Cordon(1)]
    assert kills.due({1: (7, 8)}, 6.0 + SIBLINGS_GRACE / 2) == []
    assert kills.due({1: (7, 8)}, 6.0 + SIBLINGS_GRACE) == [Execute(1, frozenset({7}))]


def test_a_repeated_order_does_not_move_the_deadline() -> None:
    """Whoever asks again and again does not keep the job alive."""
    kills = Kills(5.0)
    for now in (0.0, 2.0, 4.0):
        kills.order(1, frozenset({7}), now)
    assert kills.due({1: (7,)}, 5.5) == [Execute(1, frozenset({7}))]


def test_a_dead_process_is_forgotten() -> None:
    """It has no page any more."""
    kills = Kills(5.0)
    kills.order(1, frozenset({7}), 0.0)
    assert kills.due(NOBODY, 9.0) == []
    assert not kills.busy


def test_a_spared_job_is_executed_for_nobody() -> None:
    """Its process is killed and the job goes back; one that was to be killed before is convicted all the same."""
    kills = Kills(5.0)
    kills.order(1, frozenset({7}), 0.0)
    kills.order(1, frozenset({7}), 0.0, spare=True)
    kills.order(2, frozenset({8}), 0.0, spare=True)
    due = kills.due({1: (7,), 2: (8,)}, 5.0 + MARGIN)
    assert due == [Execute(1, frozenset({7})), Execute(2, frozenset())]
