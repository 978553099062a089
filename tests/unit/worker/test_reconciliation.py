"""What differs between Redis and a worker, and what is done about it."""

from resqd.store.inflight.owner import Dismiss, Failure, Outbox, Postpone, Return
from resqd.worker import reconciliation
from resqd.worker.reconciliation import Recent, compare


def test_each_token_goes_its_way() -> None:
    """Ended: acknowledged again; failed lately: recorded again; unknown: returned; held and not there: absent."""
    failure = Failure(5, b"record", ("failed",))
    postponed, dismissed = Postpone(10, 1.0, "retry", "id"), Dismiss(11, "done", "id")
    found = compare(
        {1, 2, 3, 4, 5, 6, 7, 8, 10, 11},
        held={1, 9},
        outbox=Outbox([2], [Failure(3, None)], [Return(4)]),
        ended={7},
        recent=[failure, postponed, dismissed],
    )
    assert (found.ended, found.again, found.strangers, found.absent) == (
        [7],
        [failure, postponed, dismissed],
        [6, 8],
        {9},
    )
    outbox = Outbox()
    found.tell(outbox)
    assert outbox == Outbox([7], [failure], [Return(6), Return(8)], [postponed], [dismissed])


def test_nothing_differs_as_a_rule() -> None:
    """What is held is there, and what is still to be told may be there or not."""
    for there in ({1, 2}, {1}):
        outbox = Outbox([2])
        found = compare(there, held={1}, outbox=outbox, ended={2}, recent=[])
        found.tell(outbox)
        assert outbox == Outbox([2])
        assert not found.absent


def test_recent_failures_are_bounded() -> None:
    """In time, in number and in bytes; a failure that is told twice is no news, and kept once."""
    recent = Recent()
    one = Failure(1, b"r")
    assert recent.add([one], 0.0) == [one]
    assert recent.add([one], 1.0) == []
    assert recent.recall() == [one]
    many = [Failure(token, b"r") for token in range(2, 2 + reconciliation.MOST_KEPT)]
    assert recent.add(many, 2.0) == many
    assert recent.recall() == many
    large = Failure(9_999, b"r" * (reconciliation.MOST_BYTES + 1))
    recent.add([large], 3.0)
    assert recent.recall() == []
    recent.add([one], 4.0)
    recent.add([], 4.0 + reconciliation.KEPT_FOR + 1)
    assert recent.recall() == []


def test_of_many_ends_the_newest_are_kept() -> None:
    """Of a batch there may come thousands at a time; failures beside them stay."""
    recent, failure = Recent(), Failure(0, b"r")
    recent.add([failure], 0.0)
    ends = [Dismiss(token, "done") for token in range(1, 3 * reconciliation.MOST_KEPT)]
    recent.add_ends(ends[:5])
    recent.add_ends(ends)
    assert recent.recall() == [failure, *ends[-reconciliation.MOST_KEPT :]]
