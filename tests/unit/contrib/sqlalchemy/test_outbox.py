"""An outbox in a real SQLite: rows with the transaction, and who takes them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, MetaData, create_engine, insert, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from resqd.app import App
from resqd.application.parts import parts_of
from resqd.contrib.sqlalchemy import Outbox
from resqd.errors import BatchError
from resqd.store.resque.payload import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from resqd.job import Job
    from resqd.store.relay.relay import Row


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"{tmp_path}/shop.db"


@pytest.fixture
def app() -> App:
    return App("redis://127.0.0.1:1")


@pytest.fixture
def mail(app: App) -> Job[[int], None]:
    @app.job(queue="mail")
    def mail(number: int) -> None:
        del number

    return mail


@pytest.fixture
def outbox(app: App, url: str) -> Iterator[Outbox]:
    engine, metadata = create_engine(f"sqlite:///{url}"), MetaData()
    outbox = Outbox(app, engine, metadata=metadata)
    metadata.create_all(engine)
    yield outbox
    engine.dispose()


class Taken:
    """Whoever moves rows: takes all of them, or but for these numbers."""

    def __init__(self, *refused: int) -> None:
        self.numbers: list[int] = []
        self._refused = refused

    def __call__(self, rows: Sequence[Row]) -> list[bool]:
        self.numbers += (numbers := [decode(row.raw).args[0] for row in rows])
        return [number not in self._refused for number in numbers]


def moved(outbox: Outbox, *refused: int, without: tuple[str, ...] = (), limit: int = 100) -> list[int]:
    taken = Taken(*refused)
    outbox.move(taken, limit=limit, without=without)
    return taken.numbers


def engine_of(outbox: Outbox) -> Session:
    return Session(outbox._engine)  # type: ignore[arg-type] # not an async one here


def test_jobs_are_rows_of_their_transaction(outbox: Outbox, mail: Job[[int], None]) -> None:
    """What is rolled back, in whole or to a savepoint, leaves no job; the order is that of enqueueing."""
    with engine_of(outbox) as session:
        ids = [outbox.enqueue(session, mail, 1)]
        with session.begin_nested() as inner:
            outbox.enqueue(session, mail, 2)
            inner.rollback()
        ids += outbox.enqueue_many(session, mail.using(queue="low"), [(3,), (4,)])
        outbox.enqueue(session, mail.s(5))
        assert moved(outbox) == []
        session.commit()
        outbox.enqueue(session, mail, 6)
    assert moved(outbox, without=("low",), limit=1) == [1]
    assert moved(outbox) == [3, 4, 5]
    assert moved(outbox) == []
    assert len({*ids}) == 3


def test_a_connection_may_be_given_as_well(outbox: Outbox, mail: Job[[int], None]) -> None:
    """As those have it who use no sessions."""
    engine = outbox._engine
    assert isinstance(engine, Engine)
    with engine.begin() as connection:
        outbox.enqueue(connection, mail, 1)
    assert moved(outbox) == [1]


def test_a_row_that_is_refused_stays(outbox: Outbox, mail: Job[[int], None]) -> None:
    """And those that are lost on the way: what the hand raises deletes nothing."""
    with engine_of(outbox) as session:
        outbox.enqueue_many(session, mail, [(1,), (2,), (3,)])
        session.commit()

    def fail(_rows: Sequence[Row]) -> list[bool]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outbox.move(fail, limit=9, without=())
    assert moved(outbox, 2) == [1, 2, 3]
    assert moved(outbox) == [2]


def test_two_that_move_the_same_rows_delete_nothing_else(outbox: Outbox, mail: Job[[int], None]) -> None:
    """A row that came meanwhile stays, even where it has got the number of one that went."""
    with engine_of(outbox) as session:
        outbox.enqueue(session, mail, 1)
        session.commit()

    def slow(rows: Sequence[Row]) -> list[bool]:
        assert moved(outbox) == [1]
        with engine_of(outbox) as session:
            session.execute(text("DELETE FROM sqlite_sequence"))
            outbox.enqueue(session, mail, 2)
            session.commit()
        return [True for _ in rows]

    assert outbox.move(slow, limit=9, without=()) == 1
    assert moved(outbox) == [2]


def test_the_application_may_write_while_rows_are_moved(outbox: Outbox, mail: Job[[int], None]) -> None:
    """Redis may take its time: the database's one lock is not held meanwhile."""
    with engine_of(outbox) as session:
        outbox.enqueue(session, mail, 1)
        session.commit()

    def write(rows: Sequence[Row]) -> list[bool]:
        with engine_of(outbox) as session:
            session.execute(text("PRAGMA busy_timeout = 0"))
            outbox.enqueue(session, mail, 2)
            session.commit()
        return [True for _ in rows]

    outbox.move(write, limit=9, without=())
    assert moved(outbox) == [2]


def test_async_sessions_and_engines(app: App, url: str, mail: Job[[int], None], outbox: Outbox) -> None:
    """An application that has nothing else; who moves its rows has a loop of its own."""
    del outbox  # it has made the table
    engine = create_async_engine(f"sqlite+aiosqlite:///{url}")
    theirs = Outbox(app, engine)

    async def enqueue() -> None:
        async with AsyncSession(engine) as session:
            await theirs.aenqueue(session, mail, 1)
            await session.rollback()
            await theirs.aenqueue(session, mail, 2)
            await theirs.aenqueue_many(session, mail, [(3,), (4,)])
            await session.commit()
        async with engine.begin() as connection:
            await theirs.aenqueue(connection, mail, 5)
        await engine.dispose()

    asyncio.run(enqueue())
    theirs.begin()
    taken = Taken(4)
    assert [theirs.move(taken, limit=9, without=()) for _ in range(2)] == [4, 1]
    assert taken.numbers == [2, 3, 4, 5, 4]
    assert theirs._runner is not None
    theirs._runner.run(engine.dispose())
    theirs._runner.close()


def test_the_app_knows_its_outboxes(app: App, outbox: Outbox, mail: Job[[int], None]) -> None:
    """For the daemons; a batch cannot be a part of a transaction, and says so. A table that is missing is an error."""
    assert parts_of(app).outboxes == [outbox]
    with engine_of(outbox) as session:
        with pytest.raises(BatchError), app.batch():
            outbox.enqueue(session, mail, 1)
        session.execute(text("DROP TABLE resqd_outbox"))
        session.commit()
        with pytest.raises(OperationalError, match="resqd_outbox"):
            session.execute(insert(outbox.table))
    with pytest.raises(OperationalError, match="resqd_outbox"):
        moved(outbox)
