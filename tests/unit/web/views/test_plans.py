"""Rows of jobs that are to run later, and of those that recur."""

from resqd.cron.entry import Entry
from resqd.cron.schedule import from_text
from resqd.cron.tables import Paused, Run, State
from resqd.store.cron.crontab import Listed
from resqd.store.later.later import Waiting
from resqd.web.data.masks import Masks
from resqd.web.views.plans import CronRow, cron, later_row


def listed(name: str, state: State, *, trouble: str = "") -> Listed:
    """An entry as it is listed."""
    entry = None if trouble else Entry(name, from_text("0 3 * * *"), "send", "mail")
    return Listed(name, entry, trouble, state, declared=False)


def test_what_cannot_be_read_comes_first_and_what_is_paused_last() -> None:
    """Between them the next one first; a paused entry has no next time, whatever stands there."""
    entries = [
        listed("paused", State(next=1_001, paused=Paused("ada", 1))),
        listed("soon", State(next=1_010, runs=(Run(900, 901), Run(None, 800)))),
        listed("late", State(next=2_000)),
        listed("broken", State(), trouble="it is not JSON"),
    ]
    rows = cron(entries, 1_000.0)["rows"]
    assert isinstance(rows, list)
    assert [(row.name, row.left) for row in rows] == [
        ("broken", None),
        ("soon", 10.0),
        ("late", 1_000.0),
        ("paused", None),
    ]
    soon: CronRow = rows[1]
    assert soon.runs == ((901.0, "cron:soon:900"), (800.0, None))


def test_a_job_that_is_no_job_is_a_row_too() -> None:
    """And what is due already is told so by its negative rest."""
    row = later_row(Waiting("t", 990.0, "mail", b"no json"), Masks({}), 1_000.0)
    assert (row.left, row.attempts, row.job_id) == (-10.0, 0, None)
    assert row.job_class.startswith("(the payload is not JSON")
