"""Jobs of a Django project: on commit or at once, inline or not, with the project's own time zone and language."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections, transaction
from django.test import override_settings
from django.utils import timezone, translation

import resqd
import resqd.testing
from resqd.contrib.django import App, Job, around_job
from resqd.contrib.django import application as project
from resqd.errors import AlreadyEnqueued, PayloadError, StoreUnavailable
from resqd.hooks import run_within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resqd.testing import Fake

NOWHERE = "redis://127.0.0.1:1"


@pytest.fixture
def app(databases: None) -> App:  # noqa: ARG001 - Django must be set up
    return App(NOWHERE)


@pytest.fixture
def confirm(app: App) -> Job[[int], None]:
    @app.job(name="confirm", queue="mail")
    def confirm(number: int) -> None:
        """A job that only its arguments tell apart."""

    return confirm


@pytest.fixture
def sent(app: App) -> Iterator[Fake]:
    with resqd.testing.fake(app) as sent:
        yield sent


def numbers(sent: Fake) -> list[int]:
    return [args[0] for args in sent.args_of("confirm")]


class Undo(Exception):  # noqa: N818 - no error
    """Ends a transaction."""


def test_on_commit_means_after_it(confirm: Job[[int], None], sent: Fake) -> None:
    """Nothing goes to Redis before the outermost block is committed; then all does, in its order, under its ids."""
    with transaction.atomic():
        first = confirm.enqueue_on_commit(1)
        with transaction.atomic():
            confirm.enqueue_on_commit(2)
        assert numbers(sent) == []
    assert numbers(sent) == [1, 2]
    assert first == sent.enqueued[0].payload.id


def test_outside_of_a_transaction_it_is_at_once(confirm: Job[[int], None], sent: Fake) -> None:
    """And no connection is made to find that out."""
    connections.close_all()
    confirm.enqueue_on_commit(1)
    assert numbers(sent) == [1]
    assert connection.connection is None


def test_what_is_rolled_back_is_never_enqueued(app: App, confirm: Job[[int], None], sent: Fake) -> None:
    """Neither with the whole transaction nor with the inner block, whose outer one is committed."""
    with suppress(Undo), transaction.atomic():
        confirm.enqueue_on_commit(1)
        raise Undo
    with transaction.atomic():
        app.enqueue_on_commit("confirm", 2)
        with suppress(Undo), transaction.atomic():
            app.enqueue_on_commit(confirm, number=3)
            raise Undo
    assert numbers(sent) == [2]


@pytest.mark.parametrize("last_fails", [False, True])
def test_all_open_transactions_must_be_committed(
    confirm: Job[[int], None], sent: Fake, last_fails: bool
) -> None:
    """With two databases the job waits for both, and is forgotten where either rolls back."""
    with suppress(Undo), transaction.atomic(using="other"):
        with transaction.atomic():
            confirm.enqueue_on_commit(1)
        assert numbers(sent) == []
        if last_fails:
            raise Undo
    assert numbers(sent) == ([] if last_fails else [1])


def test_only_this_threads_transactions_count(confirm: Job[[int], None], sent: Fake) -> None:
    """Another thread's job does not wait for the transaction here."""
    with transaction.atomic():
        other = threading.Thread(target=confirm.enqueue_on_commit, args=(1,))
        other.start()
        other.join()
        assert numbers(sent) == [1]


def test_errors_are_raised_at_the_call(confirm: Job[..., None], sent: Fake) -> None:
    """Arguments that do not fit, or are no JSON, are not a matter for after the commit."""
    with transaction.atomic():
        with pytest.raises(TypeError):
            confirm.enqueue_on_commit(1, 2)
        with pytest.raises(PayloadError):
            confirm.enqueue_on_commit(object())
    assert numbers(sent) == []


def test_a_unique_job_gets_its_lock_at_the_commit(app: App, sent: Fake) -> None:
    """A rollback leaves no lock; who is overtaken by then is left out, and nothing is raised after the commit."""

    @app.job(name="confirm", unique=resqd.Unique(on_conflict="raise"))
    def confirm(number: int) -> None:
        """A job."""

    with suppress(Undo), transaction.atomic():
        assert confirm.enqueue_on_commit(1)
        raise Undo
    assert numbers(sent) == []
    with transaction.atomic():
        confirm.enqueue_on_commit(1)
        assert confirm.enqueue_on_commit(1), "nobody has the lock yet"
        assert numbers(sent) == []
    assert numbers(sent) == [1]
    with pytest.raises(AlreadyEnqueued):
        confirm.enqueue_on_commit(1)


def test_what_is_sent_is_what_was_given(app: App, sent: Fake) -> None:
    """A list that changes before the commit does not change the job."""
    job = app.job(name="confirm")(lambda items: items and None)
    items = [1]
    with transaction.atomic():
        job.enqueue_on_commit(items)
        items.append(2)
    assert sent.args_of(job) == [[[1]]]


def test_a_transaction_by_hand_is_refused(confirm: Job[[int], None], sent: Fake) -> None:
    """With autocommit off nobody tells of a commit: Django's error says so."""
    transaction.set_autocommit(False)
    try:
        with pytest.raises(transaction.TransactionManagementError):
            confirm.enqueue_on_commit(1)
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)
    assert numbers(sent) == []


def test_the_commit_tells_where_redis_is_away(confirm: Job[[int], None]) -> None:
    """The data is committed; that the job is not enqueued is an error of the block."""

    @transaction.atomic  # type: ignore[untyped-decorator] # Django ships no type information
    def buy() -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO done VALUES (1)")
        confirm.enqueue_on_commit(1)

    with pytest.raises(StoreUnavailable):
        buy()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM done")
        assert cursor.fetchone() == (1,)


def test_on_commit_may_be_the_projects_default(app: App, confirm: Job[[int], None], sent: Fake) -> None:
    """With RESQD["ON_COMMIT"] every way of enqueueing waits; without it none does."""

    def enqueue() -> list[int]:
        with transaction.atomic():
            confirm.enqueue(1)
            confirm.enqueue_many([(2,), (3,)])
            app.enqueue_to("low", "confirm", 4)
            return numbers(sent)

    assert enqueue() == [1, 2, 3, 4]
    sent.clear()
    with override_settings(RESQD={"ON_COMMIT": True}):
        assert enqueue() == []
    assert numbers(sent) == [1, 2, 3, 4]


def test_inline_is_a_setting(app: App) -> None:
    """It runs the job at once and raises what it raises, for as long as the settings say so."""

    @app.job(name="divide")
    def divide(by: int) -> None:
        by = 1 // by

    with override_settings(RESQD={"INLINE": True}):
        with pytest.raises(ZeroDivisionError):
            divide.enqueue(0)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            divide.enqueue_on_commit(0)
    with pytest.raises(StoreUnavailable):
        divide.enqueue(0)


def here() -> tuple[str, str | None]:
    return timezone.get_current_timezone_name(), translation.get_language()


def test_a_job_finds_the_projects_zone_and_language(app: App) -> None:
    """What the request had activated is its own again after an inline job, which leaves nothing of its own behind."""
    found: list[Any] = []

    @app.job(name="look")
    def look() -> None:
        found.append(here())
        timezone.activate("Asia/Tokyo")
        translation.activate("ja")

    with resqd.testing.inline(app):
        with timezone.override("America/Lima"), translation.override("es"):
            look.enqueue()
            assert here() == ("America/Lima", "es")
        look.enqueue()
        with translation.override(None):
            look.enqueue()
            assert translation.get_language() is None
    assert found == [("Europe/Berlin", "de")] * 3
    assert here() == ("Europe/Berlin", "de")


def test_an_inline_job_leaves_its_callers_connection_alone(app: App) -> None:
    """Cursors that the caller reads from stay open, and so does the list of queries that a test counts."""
    job = app.job(name="nothing")(lambda: None)
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO done VALUES (%s)", [(1,), (2,)])
    callers = connection.connection
    with resqd.testing.inline(app):
        job.enqueue()
    assert connection.connection is callers


def in_child(check: Any) -> bool:
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            code = 0 if check() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_workers_job_begins_and_ends_as_a_request_does(app: App) -> None:
    """There connections past their age are closed before and after; not so by a job that it runs inline."""

    def check() -> bool:
        app.hooks.run("after_fork")
        seen: list[bool] = []

        def inner() -> None:
            seen.append(connection.connection is not None)

        def job() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            run_within([around_job], inner)
            seen.append(connection.connection is not None)

        run_within([around_job], job)
        seen.append(connection.connection is None)
        return seen == [True, True, True]

    assert in_child(check)


def test_a_workers_job_finds_nothing_of_the_one_before(app: App) -> None:
    """Whatever zone and language that activated in the same thread."""

    def check() -> bool:
        app.hooks.run("after_fork")
        timezone.activate("Asia/Tokyo")
        translation.activate("ja")
        seen: list[Any] = []
        run_within([around_job], lambda: seen.append(here()))
        return seen == [("Europe/Berlin", "de")]

    assert in_child(check)


@pytest.mark.usefixtures("databases")
def test_the_projects_app_may_be_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """RESQD["APP"] names it; something else there is refused with what to write."""
    own = App(NOWHERE)
    monkeypatch.setattr(project, "chosen", own, raising=False)
    monkeypatch.setattr(project._Made, "app", None)
    with override_settings(RESQD={"APP": "resqd.contrib.django.application:chosen"}):
        assert project.the_app() is own
    monkeypatch.setattr(project._Made, "app", None)
    with (
        override_settings(RESQD={"APP": "resqd.contrib.django.application:Job"}),
        pytest.raises(
            ImproperlyConfigured, match=r"there is a type; .* `Job = resqd\.contrib\.django\.App\(\)`"
        ),
    ):
        project.the_app()
