"""Turn after turn: what goes wrong is told once and tried again."""

import pytest

from resqd import events
from resqd.application.outbox import ROWS
from resqd.application.relaying import LOOK_EVERY, Relaying
from resqd.errors import StoreRefused, StoreUnavailable
from resqd.store.redis.health import Backoff
from resqd.store.relay.relay import Outcome, Row
from tests.unit.application.test_outbox import Table, row


class Redis:
    """Puts everything, or raises what it is told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.outcome = Outcome.PUT

    def put(self, rows: list[Row]) -> list[Outcome]:
        if self.error is not None:
            raise self.error
        return [self.outcome] * len(rows)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The events, by name."""
    told: list[str] = []
    for name in ("failed", "refused", "again"):
        monkeypatch.setattr(events.Outbox, name, lambda name=name, **_: told.append(name))
    return told


class Run:
    """So many turns of one outbox."""

    def __init__(self, table: Table) -> None:
        self.redis = Redis()
        self.slept: list[float] = []
        self.now = 0.0
        self.work = Relaying(
            [table],
            relay=self.redis,  # type: ignore[arg-type] # all of it that is called
            backoff=Backoff(lambda: 1.0),
            clock=lambda: self.now,
            sleep=self.slept.append,
        )

    def turns(self, count: int) -> None:
        left = iter([False] * count + [True])
        self.work.run(lambda: next(left))


def test_full_turns_follow_each_other_at_once(told: list[str]) -> None:
    """And an empty outbox is looked at every so often."""
    run = Run(Table(*(row(str(i)) for i in range(2 * ROWS + 1))))
    run.turns(3)
    assert (run.work.moved, run.slept, told) == (2 * ROWS + 1, [LOOK_EVERY], [])


def test_an_outage_is_waited_out_in_silence(told: list[str]) -> None:
    """With growing pauses: the housekeeper says already that Redis is away. Nothing is lost by it."""
    table = Table(row("a"))
    run = Run(table)
    run.redis.error = StoreUnavailable("away")
    run.turns(3)
    assert (run.slept, told, len(table.rows)) == ([0.05, 0.1, 0.2], [], 1)
    run.redis.error = None
    run.turns(1)
    assert (table.rows, run.slept[-1]) == ([], LOOK_EVERY)


@pytest.mark.parametrize("error", [StoreRefused("no"), ZeroDivisionError("the database's"), OSError("gone")])
def test_other_errors_are_told_once(told: list[str], error: Exception) -> None:
    """Those of databases as those of Redis; that it goes again is told as well."""
    run = Run(Table(row("a")))
    run.redis.error = error
    run.turns(3)
    assert told == ["failed"]
    run.redis.error = None
    run.turns(2)
    assert told == ["failed", "again"]


def test_queues_that_are_refused_are_told_once(told: list[str]) -> None:
    """As long as they are the same."""
    run = Run(Table(row("a", "bad")))
    run.redis.outcome = Outcome.REFUSED
    for _ in range(3):
        run.turns(2)
        run.now += 60
    assert (told, run.work.refused) == (["refused"], ["bad"])
    run.redis.outcome = Outcome.PUT
    run.turns(2)
    assert (told, run.work.refused) == (["refused", "again"], [])
