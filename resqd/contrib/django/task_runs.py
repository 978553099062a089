"""One try of a Django task: what its signals, its context and its result are told."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.utils import timezone

from resqd import events
from resqd.application.parts import parts_of
from resqd.contrib.django import task_results as results
from resqd.contrib.django.application import the_app
from resqd.contrib.django.upstream import Status, base, signals
from resqd.current import as_recorded, bound_slot, current_job
from resqd.errors import StoreError
from resqd.store.tasks.record import KIND, Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

_LOST: Final = "lost"
"""Stands among a result's workers for each that died under the task before, where their names are not kept."""
remembered: Final = results.Remembered()
"""The results of tasks that run here without Redis: inline, or recorded for a test."""


class _Thread(threading.local):
    """The result that an inline run in this thread is to fill."""

    result: Any = None


_thread = _Thread()


def run_inline(put: Callable[[], None], result: Any) -> None:
    """Put a task where it runs at once, and let this be its result. Raises what is not the task's own error."""
    _thread.result = result
    try:
        put()
    except (Exception, SystemExit):
        if result.status != Status.FAILED:  # else it is the task's own error, and in the result
            raise
    finally:
        _thread.result = None


def perform(task: Any, args: list[Any], kwargs: dict[str, Any], about: Mapping[str, Any]) -> Any:
    """The job: run the task, tell its signals, and let resqd have what it returns, or its error."""
    result, _thread.result = _thread.result, None
    if result is None:
        result = _begun_elsewhere(task, args, kwargs, about)
    sender = type(result.task.get_backend())
    _begin(result)
    signals.task_started.send_robust(sender, task_result=result)
    try:
        value = base.normalize_json(_called(result))
    except BaseException as error:
        _fail(result, error)
        signals.task_finished.send_robust(sender, task_result=result)
        raise
    results.fill(result, status=Status.SUCCESSFUL, finished_at=timezone.now(), _return_value=value)
    signals.task_finished.send_robust(sender, task_result=result)
    return value


def _called(result: Any) -> Any:
    first = [base.TaskContext(task_result=result)] if result.task.takes_context else []
    return result.task.call(*first, *result.args, **result.kwargs)


def _begun_elsewhere(known: Any, args: list[Any], kwargs: dict[str, Any], about: Mapping[str, Any]) -> Any:
    """The result of a task that came in a payload, as its own process made it."""
    job, slot = current_job(), bound_slot()
    enqueued = slot.payload.enqueued_at if slot is not None and slot.payload is not None else None
    result = results.new(results.task_as_sent(known, about), args, kwargs)
    results.fill(result, id=(job.id if job else None) or "", enqueued_at=results.moment(enqueued))
    return result


def _begin(result: Any) -> None:
    """Note that a try begins, in the result and where that is kept."""
    worker, now = f"{socket.gethostname()}:{os.getpid()}:{threading.current_thread().name}", timezone.now()
    app, job, known = the_app(), current_job(), None
    if parts_of(app).producer.outlet is not None:
        remembered.begin(result)
    elif _is_kept():
        known = _kept(lambda: app.store.open(Tasks).begin(result.id, worker))
    if known is not None:
        results.tell_tries(result, known)
    else:
        lost = [_LOST] * (job.deliveries if job and not result.worker_ids else 0)
        result.worker_ids.extend([*lost, worker])
        results.fill(result, started_at=result.started_at or now, last_attempted_at=now)
    results.fill(result, status=Status.RUNNING)


def _fail(result: Any, error: BaseException) -> None:
    """The same of a try that has failed."""
    said = results.error_of(error, recorded=as_recorded(error))
    result.errors.append(base.TaskError(**said))
    results.fill(result, status=Status.FAILED, finished_at=timezone.now())
    app = the_app()
    if parts_of(app).producer.outlet is None and _is_kept():
        _kept(lambda: app.store.open(Tasks).failed(result.id, said))


def _is_kept() -> bool:
    """Whether there is a record of the running job: its producer wrote one, and what it owes says so."""
    job = current_job()
    return job is not None and any(debt.kind == KIND for debt in job.owes)


def _kept(act: Callable[[], T]) -> T | None:
    """What `act` returns; None where Redis did not answer, since a record is no reason for a task to fail."""
    try:
        return act()
    except StoreError as error:
        events.App.try_not_kept(error=error)
        return None
