"""Rows of what is enqueued, and who moves them."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from resqd.app import App
from resqd.application.aside import putting
from resqd.application.outbox import SHUN, Hand, Mover, Rows
from resqd.store.relay.relay import Outcome, Row
from resqd.store.resque.payload import decode
from resqd.unique import Unique


class Table:
    """An outbox in memory."""

    name = "memory"

    def __init__(self, *rows: Row) -> None:
        self.rows = list(rows)

    def begin(self) -> None:
        """Nothing is inherited."""

    def move(self, hand: Hand, *, limit: int, without: Collection[str]) -> int:
        found = [row for row in self.rows if row.queue not in without][:limit]
        done = hand(found) if found else ()
        gone = {row.key for row, one in zip(found, done, strict=True) if one}
        self.rows = [row for row in self.rows if row.key not in gone]
        return len(found)


def row(key: str, queue: str = "mail") -> Row:
    return Row(key=key, queue=queue, raw=b"{}")


def test_every_way_of_enqueueing_makes_rows() -> None:
    """In the order in which they are to be put, each with its own key; nothing goes to Redis."""
    app = App("redis://127.0.0.1:1")

    @app.job(queue="mail", keep_result=60)
    def mail(number: int) -> None:
        del number

    @app.job(queue="once", unique=Unique(on_conflict="raise"))
    def once(number: int) -> None:
        del number

    made = Rows()
    with putting(made):
        mail.enqueue(1)
        mail.using(front=True).enqueue_many([(2,), (3,)])
        late = mail.enqueue_at(datetime.fromtimestamp(5, UTC), 4)
        soon = mail.enqueue_in(60, 5)
        only = once.enqueue(6)
    rows = made.rows
    assert [decode(row.raw).args for row in rows] == [[1], [3], [2], [4], [5], [6]]
    assert [row.front for row in rows] == [False, True, True, False, False, False]
    assert [row.ticket for row in rows] == ["", "", "", late, soon, only]
    assert rows[3].due == 5_000_000
    assert rows[4].due is not None
    assert abs(rows[4].due / 1e6 - 60 - datetime.now(UTC).timestamp()) < 30
    assert (rows[5].fingerprint != "", rows[5].terms.on_conflict) == (True, "skip")
    assert len({row.key for row in rows}) == 6


def test_rows_go_when_they_are_done_with() -> None:
    """Be they put, seen before, or left out for a lock; those that Redis refuses stay, with no loss of others."""
    table = Table(row("a"), row("b", "bad"), row("c"), row("d"), row("e", "bad"))
    outcomes = {
        "a": Outcome.PUT,
        "b": Outcome.REFUSED,
        "c": Outcome.SEEN,
        "d": Outcome.LEFT_OUT,
        "e": Outcome.REFUSED,
    }
    now = [0.0]
    asked: list[list[str]] = []

    def put(rows: Sequence[Row]) -> list[Outcome]:
        asked.append([row.key for row in rows])
        return [outcomes[row.key] for row in rows]

    mover = Mover(table, put, lambda: now[0])
    assert (mover.turn().moved, [row.key for row in table.rows]) == (3, ["b", "e"])
    assert [*mover.shunned] == ["bad"]
    table.rows.append(row("a"))
    assert mover.turn().found == 1
    assert mover.turn().found == 0
    now[0] = SHUN + 1
    assert mover.turn().found == 2
    assert (asked, mover.moved) == ([["a", "b", "c", "d", "e"], ["a"], ["b", "e"]], 4)
