"""The ready-made hooks with the real libraries on SQLite: nothing is shared across a fork, jobs leave no traces."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from django.db import connection, connections, transaction
from sqlalchemy.orm import scoped_session, sessionmaker

import resqd.testing
from resqd.aftermath import Aftermath
from resqd.app import App
from resqd.application.parts import parts_of
from resqd.contrib import django as resqd_django
from resqd.contrib import sqlalchemy as resqd_sqlalchemy
from resqd.failures import FailureRules
from resqd.store.keys import Keys
from resqd.store.resque.encoding import encode
from resqd.store.resque.failure_record import build_record
from resqd.store.resque.payload import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from resqd.store.resque.backends import Record


def in_child(check: Callable[[], bool]) -> bool:
    """What `check` says in a forked child."""
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            code = 0 if check() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.fixture
def app() -> App:
    return App("redis://127.0.0.1:1")


@pytest.fixture
def django_app(app: App, databases: None) -> App:  # noqa: ARG001 - Django must be set up
    resqd_django.install(app)
    return app


def test_django_has_no_connection_at_the_fork(django_app: App) -> None:
    """The parent closes its connections before it forks, and goes on with new ones after."""
    assert connection.connection is not None
    django_app.hooks.run("before_fork")
    assert connection.connection is None
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_django_child_leaves_the_parents_connection_alone(django_app: App) -> None:
    """A child that inherits a connection all the same opens its own; the parent's transaction goes on."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO done VALUES (1)")
        parents = connection.connection

        def check() -> bool:
            connection.in_atomic_block = (
                False  # what a fork in the middle of a transaction would leave behind
            )
            django_app.hooks.run("after_fork")
            with connection.cursor() as own:
                own.execute("SELECT count(*) FROM done")
                return bool(own.fetchone() == (0,) and connection.connection is not parents)

        assert in_child(check)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM done")
        assert cursor.fetchone() == (1,)


def test_django_each_job_starts_with_a_sound_connection(django_app: App) -> None:
    """A job that leaves autocommit off, with work undone, does not pass that on to the next."""

    @django_app.job(name="Sloppy")
    def sloppy() -> None:
        transaction.set_autocommit(False)
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO done VALUES (2)")
        raise ValueError("no")

    @django_app.job(name="Count")
    def count() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM done")
            found.append((transaction.get_autocommit(), cursor.fetchone()))

    found: list[Any] = []
    with resqd.testing.inline(django_app):
        with pytest.raises(ValueError, match="no"):
            sloppy.enqueue()
        count.enqueue()
    assert found == [(True, (0,))]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sqlalchemy.Engine]:
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'alchemy.sqlite'}")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE done (value INTEGER)"))
    yield engine
    engine.dispose()


def test_sqlalchemy_child_has_a_pool_of_its_own(app: App, engine: sqlalchemy.Engine) -> None:
    """After the fork the child connects anew; the connection pooled in the parent stays open there."""
    resqd_sqlalchemy.install(app, engine)
    with engine.connect() as connection:
        parents = connection.connection.dbapi_connection

    def check() -> bool:
        app.hooks.run("after_fork")
        with engine.connect() as own:
            return own.connection.dbapi_connection is not parents

    assert in_child(check)
    with engine.connect() as connection:
        assert connection.connection.dbapi_connection is parents


def test_sqlalchemy_session_ends_with_its_job(app: App, engine: sqlalchemy.Engine) -> None:
    """What a failed job did not commit is rolled back, and the next job has a session of its own."""
    session = scoped_session(sessionmaker(engine))
    resqd_sqlalchemy.install(app, engine, session=session)
    sessions: list[Any] = []

    @app.job(name="Sloppy")
    def sloppy() -> None:
        sessions.append(session())
        session.execute(sqlalchemy.text("INSERT INTO done VALUES (1)"))
        raise ValueError("no")

    @app.job(name="Count")
    def count() -> None:
        sessions.append(session())
        sessions.append(session.execute(sqlalchemy.text("SELECT count(*) FROM done")).scalar_one())

    with resqd.testing.inline(app):
        with pytest.raises(ValueError, match="no"):
            sloppy.enqueue()
        count.enqueue()
    assert sessions[2] == 0
    assert sessions[0] is not sessions[1]


def test_jobs_are_surrounded_whenever_they_are_registered(app: App) -> None:
    """A hook around all jobs wraps those registered before it and after it, their own hooks inside."""
    told: list[str] = []

    def around() -> Iterator[None]:
        told.append("in")
        yield
        told.append("out")

    early = app.job(name="early")(lambda: told.append("early"))
    app.around_each_job(around)
    late = app.job(name="late")(lambda: told.append("late"))
    late.before_perform(lambda: told.append("before"))
    with resqd.testing.inline(app):
        early.enqueue()
        late.enqueue()
    assert told == ["in", "early", "out", "in", "before", "late", "out"]
    assert not early.plain


def failure(job_class: str) -> bytes:
    """A record as a worker sends it."""
    raw = encode(job_class, [], id="i")
    return build_record(
        raw=raw,
        payload=decode(raw),
        exception=("E", "no"),
        backtrace=[],
        worker="w",
        queue="q",
        failed_at=datetime.now(UTC),
    )


def told(app: App) -> Aftermath:
    """What runs the application's code for failures."""
    return Aftermath(
        rules=FailureRules(
            policy=app.failure_policy,
            names=["redis"],
            jobs=app.jobs,
            keys=Keys(),
            around=parts_of(app).catalog.around,
        )
    )


def test_django_callbacks_for_failures_start_with_a_sound_connection(django_app: App) -> None:
    """What one leaves behind, as a job may, is cleaned up before the next one."""
    found: list[Any] = []

    def callback(record: Record) -> None:
        if record["payload"]["class"] == "Sloppy":
            transaction.set_autocommit(False)
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO done VALUES (2)")
            raise ValueError("no")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM done")
            found.append((transaction.get_autocommit(), cursor.fetchone()))
        connections.close_all()

    django_app.failure_policy.on_failure = callback
    aftermath = told(django_app)
    aftermath.put([failure("Sloppy"), failure("Count")])
    aftermath.close(10)
    assert found == [(True, (0,))]


def test_django_process_hooks_start_and_end_with_sound_connections(django_app: App) -> None:
    """A hook around a pause may leave autocommit off; the next one finds it on."""
    found: list[bool] = []
    django_app.hooks.before_pause(lambda: transaction.set_autocommit(False))
    django_app.hooks.after_pause(lambda: found.append(transaction.get_autocommit()))
    django_app.hooks.run("before_pause")
    django_app.hooks.run("after_pause")
    assert found == [True]


def test_sqlalchemy_session_ends_with_each_callback_and_hook(app: App, engine: sqlalchemy.Engine) -> None:
    """Of the same thread, each has a session of its own, and none keeps a transaction open."""
    session = scoped_session(sessionmaker(engine))
    resqd_sqlalchemy.install(app, engine, session=session)
    sessions: list[Any] = []

    def use(*_: Any) -> None:
        sessions.append(session())
        session.execute(sqlalchemy.text("SELECT count(*) FROM done"))

    app.failure_policy.on_failure = use
    aftermath = told(app)
    aftermath.put([failure("A"), failure("B")])
    aftermath.close(10)
    for name in ("after_fork", "before_pause", "after_pause", "after_jobs_run", "worker_exit"):
        app.hooks.add(name, use)
        app.hooks.run(name)
    assert len({id(one) for one in sessions}) == 7
    assert not any(one.in_transaction() for one in sessions)
