"""Jobs that wait for a session's commit, in a real SQLite."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import StaticPool

from resqd.app import App
from resqd.application.parts import parts_of
from resqd.contrib.sqlalchemy import after_commit, enqueue_after_commit, enqueue_many_after_commit
from resqd.errors import StoreUnavailable
from tests.support.outlets import Calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

app = App("redis://127.0.0.1:1")


@app.job(queue="mail")
def mail(number: int) -> None:
    """Nothing."""
    del number


@pytest.fixture
def calls() -> Calls:
    calls = Calls()
    parts_of(app).producer.redirect(calls)
    return calls


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (number INTEGER PRIMARY KEY)"))
    yield engine
    engine.dispose()


def order(session: Session, number: int) -> None:
    session.execute(text("INSERT INTO orders VALUES (:number)"), {"number": number})
    enqueue_after_commit(session, mail, number)


def order_in_vain(session: Session, number: int) -> None:
    with session.begin_nested():
        order(session, number)
        raise ZeroDivisionError


def numbers(calls: Calls) -> list[int]:
    return [number for _, _, args in calls.made for number in args]


def test_a_job_goes_when_the_session_has_committed(engine: Engine, calls: Calls) -> None:
    """By then the data can be read; the next transaction of the session begins with nothing."""
    with Session(engine) as session:
        order(session, 1)
        assert calls.made == []
        session.commit()
        assert calls.made == [("push", "mail", [1])]
        session.commit()
        order(session, 2)
        session.commit()
    assert numbers(calls) == [1, 2]


@pytest.mark.parametrize("end", ["rollback", "close", "error", "reset", "no commit"])
def test_a_job_is_dropped_with_its_transaction(engine: Engine, calls: Calls, end: str) -> None:
    """However it ends; the session's next one is not touched by that."""
    with Session(engine) as session:
        order(session, 1)
        if end == "error":
            with pytest.raises(Exception, match="UNIQUE"):
                order(session, 1)
            session.rollback()
        elif end != "no commit":
            getattr(session, end)()
    assert calls.made == []
    with Session(engine) as session, session.begin():
        order(session, 2)
    assert numbers(calls) == [2]


def test_a_savepoint_that_is_rolled_back_takes_its_jobs_along(engine: Engine, calls: Calls) -> None:
    """Those before, behind and in savepoints that were kept go, in the order of their enqueueing."""
    with Session(engine) as session, session.begin():
        order(session, 1)
        with session.begin_nested():
            order(session, 2)
            with pytest.raises(ZeroDivisionError):
                order_in_vain(session, 3)
            with session.begin_nested():
                order(session, 4)
        order(session, 5)
        outer = session.begin_nested()
        with session.begin_nested():
            order(session, 6)
        outer.rollback()
        assert calls.made == []
    assert numbers(calls) == [1, 2, 4, 5]


def test_a_commit_ends_savepoints_that_are_open(engine: Engine, calls: Calls) -> None:
    """Their jobs go with it, and with a rollback of the whole they do not."""
    with Session(engine) as session:
        session.begin_nested()
        order(session, 1)
        session.commit()
        session.begin_nested()
        order(session, 2)
        session.rollback()
        session.rollback()
    assert numbers(calls) == [1]


def test_a_job_that_is_enqueued_first_waits_for_what_it_begins(engine: Engine, calls: Calls) -> None:
    """A session that has done nothing yet is about to."""
    with Session(engine) as session:
        enqueue_after_commit(session, mail, 1)
        assert calls.made == []
        session.commit()
    assert numbers(calls) == [1]
    with Session(engine, autobegin=False) as session, pytest.raises(RuntimeError, match="begin"):
        enqueue_after_commit(session, mail, 1)


def test_ten_thousand_jobs_go_in_one_call(engine: Engine, calls: Calls) -> None:
    """One by one or at once; each has its own id."""
    with Session(engine) as session:
        ids = [enqueue_after_commit(session, mail, number) for number in range(5_000)]
        ids += enqueue_many_after_commit(session, mail, [(number,) for number in range(5_000, 10_000)])
        session.commit()
    assert calls.made == [("push", "mail", [*range(10_000)])]
    assert len({*ids}) == 10_000


def test_ways_of_enqueueing_are_kept(engine: Engine, calls: Calls) -> None:
    """`using`, signatures, and errors in arguments at once; what else is to happen happens in turn."""
    with Session(engine) as session:
        enqueue_after_commit(session, mail.using(queue="low", delay=5), 1)
        enqueue_after_commit(session, mail.s(2))
        after_commit(session, lambda: calls.made.append(("act", "", [])))
        enqueue_after_commit(session, mail, number=3)
        with pytest.raises(TypeError, match="mail"):
            enqueue_after_commit(session, mail)
        with pytest.raises(TypeError, match="already"):
            enqueue_after_commit(session, mail.s(2), 3)
        session.commit()
    assert calls.made == [
        ("later in 5000000", "low", [1]),
        ("push", "mail", [2]),
        ("act", "", []),
        ("push", "mail", [3]),
    ]
    with pytest.raises(TypeError, match="no session"):
        enqueue_after_commit("session", mail, 1)  # type: ignore[arg-type] # that is the point


def test_an_outage_at_the_commit_is_raised_and_the_session_can_be_used_on(
    engine: Engine, calls: Calls
) -> None:
    """The data is committed; the job that was not enqueued does not come with the next transaction."""
    calls.down = True
    with Session(engine) as session:
        order(session, 1)
        with pytest.raises(StoreUnavailable):
            session.commit()
        calls.down = False
        assert session.execute(text("SELECT count(*) FROM orders")).scalar() == 1
        order(session, 2)
        session.commit()
    assert numbers(calls) == [2]


def test_a_scoped_session_stands_for_the_threads_own(engine: Engine, calls: Calls) -> None:
    """Another thread's commit lets nothing of this one go."""
    session = scoped_session(sessionmaker(engine))

    def other() -> None:
        session.commit()
        session.remove()

    enqueue_after_commit(session, mail, 1)
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert calls.made == []
    session.commit()
    session.remove()
    assert numbers(calls) == [1]


def test_async_sessions_do_the_same_without_stopping_their_loop(tmp_path: Path, calls: Calls) -> None:
    """Savepoints and rollbacks too; what happens at the commit runs on another thread, and is waited for."""
    threads = []

    async def main() -> None:
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/orders.db")
        async with AsyncSession(engine) as session:
            async with session.begin():
                enqueue_after_commit(session, mail, 1)
                nested = await session.begin_nested()
                enqueue_after_commit(session, mail, 2)
                await nested.rollback()
                after_commit(session, lambda: threads.append(threading.get_ident()))
            assert numbers(calls) == [1]
            enqueue_after_commit(session, mail, 3)
            await session.rollback()
            calls.down = True
            enqueue_after_commit(session, mail, 4)
            with pytest.raises(StoreUnavailable):
                await session.commit()
            calls.down = False
        scoped = async_scoped_session(async_sessionmaker(engine), scopefunc=asyncio.current_task)
        enqueue_after_commit(scoped, mail, 5)
        await scoped.commit()
        await scoped.remove()
        await engine.dispose()

    asyncio.run(main())
    assert numbers(calls) == [1, 5]
    assert threads != [threading.get_ident()]
