"""The backend of Django's tasks: what goes into a payload, what a worker makes of it, and what is refused."""

from __future__ import annotations

import asyncio
import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

import resqd.testing
from resqd.contrib import django as contrib
from resqd.errors import UnknownJob
from tests.support.django_project import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resqd.testing import Fake


@pytest.fixture
def tasks(databases: None) -> Any:  # noqa: ARG001 - Django must be set up
    module: Any = import_module("tests.support.given_tasks")
    module.seen.clear()
    return module


@pytest.fixture
def sent(tasks: Any) -> Iterator[Fake]:  # noqa: ARG001 - as above
    with resqd.testing.fake(contrib.app) as sent:
        yield sent


@pytest.fixture
def signals(tasks: Any) -> Iterator[list[str]]:  # noqa: ARG001 - as above
    module: Any = import_module(f"{TASKS}.signals")
    told: list[str] = []

    def hear(sender: Any, task_result: Any, **_: Any) -> None:
        told.append(f"{sender.__name__} {task_result.status}")

    all_of_them = (module.task_enqueued, module.task_started, module.task_finished)
    for signal in all_of_them:
        signal.connect(hear)
    yield told
    for signal in all_of_them:
        signal.disconnect(hear)


def test_a_task_is_a_job_under_its_path(tasks: Any, sent: Fake) -> None:
    """Its payload has its arguments, on the queue that its priority means, under the id of its result."""
    result = tasks.note.using(priority=5).enqueue(1, ("a",), key=b"text")
    one = sent.enqueued[0]
    assert (one.queue, one.name, one.payload.id) == ("mail_high", "tests.support.given_tasks.note", result.id)
    about = {"backend": "default", "queue_name": "mail", "priority": 5}
    assert one.args == [[1, ["a"]], {"key": "text"}, about]
    assert (result.status, result.attempts, result.is_finished) == ("READY", 0, False)
    assert result.enqueued_at is not None


def test_a_worker_runs_it(tasks: Any, sent: Fake, signals: list[str]) -> None:
    """With its arguments; the signals tell of its life."""
    tasks.note.enqueue(1, key="text")
    sent.drain()
    assert tasks.seen == [[[1], {"key": "text"}]]
    assert signals == ["ResqdBackend READY", "ResqdBackend RUNNING", "ResqdBackend SUCCESSFUL"]


def test_an_error_is_the_jobs(tasks: Any, sent: Fake, signals: list[str]) -> None:
    """So it is recorded in `failed` as any job's."""
    tasks.fail.enqueue()
    with pytest.raises(ValueError, match="no such luck"):
        sent.drain()
    assert signals[-1] == "ResqdBackend FAILED"
    tasks.give_unwritable.enqueue()
    with pytest.raises(TypeError, match="Unsupported type"):
        sent.drain()


def test_the_context_knows_the_job(tasks: Any, sent: Fake) -> None:
    """Its id, its priority, and which attempt this is: a job whose process died under it is at its second."""
    result = tasks.look.using(priority=-7).enqueue(1)
    raw = sent.enqueued[0].payload.raw
    sent.drain()
    contrib.app.push("default", raw.replace(b"{", b'{"deliveries":1,', 1).replace(b"[1]", b"[2]"))
    sent.drain()
    assert tasks.seen == [[1, 1, result.id, -7, True], [2, 2, result.id, -7, True]]


def test_a_payload_imports_nothing(sent: Fake) -> None:
    """A path that can be imported is no job for that."""
    contrib.app.push("default", {"class": "os.system", "args": [["true"], {}]})
    with pytest.raises(UnknownJob):
        sent.drain()


def test_a_payload_may_be_written_by_hand(tasks: Any, sent: Fake) -> None:
    """As `resqd enqueue` or a program in Ruby does, with no word about the task, or odd ones."""
    for about in ([], [{"priority": 3, "colour": "red"}]):
        contrib.app.push("mail", {"class": "tests.support.given_tasks.note", "args": [[1], {}, *about]})
    sent.drain()
    assert tasks.seen == [[[1], {}], [[1], {}]]


@override_settings(RESQD={"INLINE": True})  # type: ignore[untyped-decorator] # Django ships no type information
def test_inline_the_result_has_the_outcome(tasks: Any, signals: list[str]) -> None:
    """A value or an error, and nothing is raised."""
    result = tasks.note.enqueue(1)
    assert (result.status, result.return_value, result.attempts) == ("SUCCESSFUL", [[1], {}], 1)
    assert signals == ["ResqdBackend READY", "ResqdBackend RUNNING", "ResqdBackend SUCCESSFUL"]
    result = tasks.fail.enqueue()
    assert (result.status, result.errors[0].exception_class) == ("FAILED", ValueError)
    assert "no such luck" in result.errors[0].traceback
    assert tasks.give_unwritable.enqueue().errors[0].exception_class is TypeError


def test_enqueueing_from_async_code(tasks: Any, sent: Fake) -> None:
    """`aenqueue` does the same."""
    result = asyncio.run(tasks.note.aenqueue(1))
    assert [one.payload.id for one in sent.enqueued] == [result.id]


def test_a_task_may_run_later(tasks: Any, sent: Fake) -> None:
    """`run_after` is when it is due, and from when it counts as enqueued."""
    due = timezone.now() + datetime.timedelta(seconds=60)
    result = tasks.note.using(run_after=due).enqueue(1)
    assert ([job.id for job in sent.later], sent.later[0].due) == ([result.id], due.timestamp())
    assert (sent.drain(), sent.advance(61), sent.drain()) == (0, 1, 1)
    assert tasks.seen[-1] == [[1], {}]


def test_an_async_task_runs_to_its_end(tasks: Any, sent: Fake) -> None:
    """On an event loop of its thread's own."""
    tasks.note_async.enqueue(7)
    assert sent.drain() == 1
    assert tasks.seen[-1] == "async 7"


@override_settings(RESQD={"ON_COMMIT": True})  # type: ignore[untyped-decorator] # as above
def test_tasks_wait_for_the_commit(tasks: Any, sent: Fake) -> None:
    """Where the project wants it so."""
    with transaction.atomic():
        tasks.note.enqueue(1)
        assert sent.enqueued == []
    assert len(sent.enqueued) == 1


def test_what_cannot_be_is_refused(tasks: Any) -> None:
    """Queues and priorities that there are not."""
    exceptions: Any = import_module(f"{TASKS}.exceptions")
    invalid = getattr(exceptions, "InvalidTask", None) or exceptions.InvalidTaskError
    with pytest.raises(invalid, match="'parcels' is not valid"):
        tasks.note.using(queue_name="parcels")
    with pytest.raises(invalid, match="between -100 and 100"):
        tasks.note.using(priority=101)


def test_a_task_of_another_backend_may_be_sent_here(tasks: Any, sent: Fake) -> None:
    """Daemons know it, since it stands in a module of tasks."""
    backend: Any = import_module("resqd.contrib.django.tasks")
    backend.register_tasks_of(tasks)
    assert "tests.support.given_tasks.elsewhere" in contrib.app.jobs
    tasks.elsewhere.using(backend="default").enqueue()
    sent.drain()
    assert tasks.seen == ["elsewhere"]


def test_a_function_that_is_read_again_replaces_the_old_one(tasks: Any, sent: Fake) -> None:
    """As with a reloaded module: the job is the same, the code the new."""

    def anew() -> None:
        tasks.seen.append("anew")

    anew.__module__, anew.__qualname__ = tasks.fail.func.__module__, "fail"
    before = tasks.fail
    try:
        again = tasks.task(anew)
        again.enqueue()
        sent.drain()
    finally:
        tasks.task(before.func)
    assert tasks.seen == ["anew"]
