"""An outbox with SQLAlchemy: jobs as rows of a table, in the transaction of the data that they are about."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy import delete as deleting
from sqlalchemy import insert as inserting
from sqlalchemy import select as selecting
from sqlalchemy.engine import Engine  # of its two kinds the one that needs no greenlet

from resqd.application import aside
from resqd.application.outbox import TABLE, Hand, Rows
from resqd.application.parts import parts_of
from resqd.store.relay.relay import Row

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_scoped_session
    from sqlalchemy.orm import Session, scoped_session

    from resqd.app import App
    from resqd.job import Job
    from resqd.using import Signature, Using

    Transactional = Session | scoped_session[Any] | Connection
    AsyncTransactional = AsyncSession | async_scoped_session[Any] | AsyncConnection
    AJob = Job[..., Any] | Using[...] | Signature

_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")
_WITHOUT_ROW_LOCKS: Final = {"sqlite"}


def outbox_table(metadata: MetaData, name: str = TABLE) -> Table:
    """The table, for `metadata.create_all` and for migrations. Its first column gives the order."""
    return Table(
        name,
        metadata,
        Column("number", _NUMBER, primary_key=True, autoincrement=True),
        Column("key", String(32), nullable=False),
        Column("queue", Text, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("facts", Text, nullable=False),
        Column("created", DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,  # else the number of a row that went is given again, to another
    )


class Outbox:
    """Jobs that are rows of a database before they are in Redis, so that no crash comes between data and job.

    `engine` leads to that database, for whoever moves them: every daemon of the app does so, and `resqd outbox`.
    `metadata` is the application's own, which then has the table `name`.
    """

    def __init__(
        self, app: App, engine: Engine | AsyncEngine, *, metadata: MetaData | None = None, name: str = TABLE
    ) -> None:
        self.name = name
        self.table = outbox_table(metadata if metadata is not None else MetaData(), name)
        self._engine = engine
        self._runner: asyncio.Runner | None = None
        parts_of(app).outboxes.append(self)

    def enqueue(self, session: Transactional, job: AJob, /, *args: Any, **kwargs: Any) -> str | None:
        """Enqueue a job as a part of the transaction that a session, or a connection, is in; its id.

        `job` is a job, or what `job.using(...)` or `job.s(...)` has made. Hooks around enqueueing are called now; None
        where one vetoed. Errors: those of `enqueue`, and of the database; BatchError in the block of a batch.
        """
        rows = Rows()
        job_id = aside.enqueue(rows, job, args, kwargs)
        if rows.rows:
            session.execute(inserting(self.table), _values(rows))
        return job_id

    def enqueue_many(
        self, session: Transactional, job: Job[..., Any] | Using[...], batch: Iterable[Sequence[Any]], /
    ) -> list[str | None]:
        """The same for one job for each list or tuple of positional arguments; their ids."""
        rows, ids = self._taken(job, batch)
        if rows.rows:
            session.execute(inserting(self.table), _values(rows))
        return ids

    async def aenqueue(
        self, session: AsyncTransactional, job: AJob, /, *args: Any, **kwargs: Any
    ) -> str | None:
        """As `enqueue`, with an AsyncSession or an AsyncConnection."""
        rows = Rows()
        job_id = aside.enqueue(rows, job, args, kwargs)
        if rows.rows:
            await session.execute(inserting(self.table), _values(rows))
        return job_id

    async def aenqueue_many(
        self, session: AsyncTransactional, job: Job[..., Any] | Using[...], batch: Iterable[Sequence[Any]], /
    ) -> list[str | None]:
        """As `enqueue_many`, with an AsyncSession or an AsyncConnection."""
        rows, ids = self._taken(job, batch)
        if rows.rows:
            await session.execute(inserting(self.table), _values(rows))
        return ids

    @staticmethod
    def _taken(job: Any, batch: Iterable[Sequence[Any]]) -> tuple[Rows, list[str | None]]:
        rows = Rows()
        with aside.putting(rows):
            return rows, job.enqueue_many(batch)

    # For whoever moves the rows.

    def begin(self) -> None:
        """Let go of connections that came with a fork: they are the parent's."""
        engine = self._engine if isinstance(self._engine, Engine) else self._engine.sync_engine
        engine.dispose(close=False)

    def move(self, hand: Hand, *, limit: int, without: Collection[str]) -> int:
        """Give away up to so many rows, the oldest first, but for those of some queues; how many there were."""
        if isinstance(self._engine, Engine):
            return self._move(self._engine, hand, limit, without)
        if self._runner is None:
            self._runner = asyncio.Runner()  # its connections belong to its loop
        return self._runner.run(self._amove(self._engine, hand, limit, without))

    def _move(self, engine: Engine, hand: Hand, limit: int, without: Collection[str]) -> int:
        if engine.dialect.name not in _WITHOUT_ROW_LOCKS:
            with engine.begin() as connection:
                return self._transfer(connection, hand, limit, without)
        # SQLite has one lock for all, which must not be held while Redis is asked: the application would wait. Two that
        # move the same rows put each once, since Redis knows them, and the second deletes what has gone.
        with engine.connect() as connection:
            found = self._found(connection, limit, without, lock=False)
        if found:
            done = self._done(hand, found)
            with engine.begin() as connection:
                self._delete(connection, done)
        return len(found)

    async def _amove(self, engine: AsyncEngine, hand: Hand, limit: int, without: Collection[str]) -> int:
        if engine.dialect.name not in _WITHOUT_ROW_LOCKS:
            async with engine.begin() as connection:
                return await connection.run_sync(self._transfer, hand, limit, without)
        async with engine.connect() as connection:
            found = await connection.run_sync(self._found, limit, without, lock=False)
        if found:
            done = self._done(hand, found)
            async with engine.begin() as connection:
                await connection.run_sync(self._delete, done)
        return len(found)

    def _transfer(self, connection: Connection, hand: Hand, limit: int, without: Collection[str]) -> int:
        """In one transaction: what is locked here, others pass over."""
        found = self._found(connection, limit, without, lock=True)
        if found:
            self._delete(connection, self._done(hand, found))
        return len(found)

    def _found(
        self, connection: Connection, limit: int, without: Collection[str], *, lock: bool
    ) -> Sequence[Any]:
        table = self.table.c
        query = selecting(self.table).order_by(table.number).limit(limit)
        if without:
            query = query.where(table.queue.not_in(without))
        if lock:
            query = query.with_for_update(skip_locked=True)
        return connection.execute(query).all()

    @staticmethod
    def _done(hand: Hand, found: Sequence[Any]) -> list[Any]:
        rows = [
            Row.of(key=row.key, queue=row.queue, raw=bytes(row.payload), facts=row.facts) for row in found
        ]
        return [row for row, gone in zip(found, hand(rows), strict=True) if gone]

    def _delete(self, connection: Connection, done: Sequence[Any]) -> None:
        """By its key too: a number may have been given again meanwhile."""
        if done:
            table = self.table.c
            numbers, keys = [row.number for row in done], [row.key for row in done]
            connection.execute(deleting(self.table).where(table.number.in_(numbers), table.key.in_(keys)))


def _values(rows: Rows) -> list[dict[str, Any]]:
    created = datetime.now(UTC)
    return [
        {"key": row.key, "queue": row.queue, "payload": row.raw, "facts": row.facts(), "created": created}
        for row in rows.rows
    ]
