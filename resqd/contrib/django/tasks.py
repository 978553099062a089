"""The backend of Django's tasks: of `django.tasks` in 6.0, before that of the package django-tasks.

A task is a job whose name is its module path and whose arguments are the task's list and object of arguments,
and an object that says how it was enqueued. As with any job only what was registered runs: tasks are that when
they are defined, and daemons import the module `tasks` of each installed app for it.
"""

from __future__ import annotations

import copy
import os
import socket
import threading
import time
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from traceback import format_exception
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.utils import timezone

from resqd.application.parts import parts_of
from resqd.contrib.django.application import the_app
from resqd.contrib.django.priorities import DEFAULT_PRIORITIES, Priorities, unserved
from resqd.current import bound_slot, current_job
from resqd.store.later.later import When
from resqd.store.resque import payload as payloads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from resqd.contrib.django.application import App


def _home() -> str:
    """Which of the two packages: Django's own, unless the project installs the other."""
    own = find_spec("django.tasks") is not None
    return "django.tasks" if own and "django_tasks" not in settings.INSTALLED_APPS else "django_tasks"


_HOME: Final = _home()
_base: Any = import_module(f"{_HOME}.base")
_signals: Any = import_module(f"{_HOME}.signals")
_exceptions: Any = import_module(f"{_HOME}.exceptions")
_BaseTaskBackend: Any = import_module(f"{_HOME}.backends.base").BaseTaskBackend
_InvalidTask: Any = getattr(_exceptions, "InvalidTask", None) or _exceptions.InvalidTaskError
_Status: Any = _base.TaskResultStatus
_LOST: Final = "lost"
"""Stands among a result's workers for each that died under the task before: their names are not kept."""


class ResqdBackend(_BaseTaskBackend):  # type: ignore[misc] # Django ships no type information
    """`TASKS = {"default": {"BACKEND": "resqd.contrib.django.tasks.ResqdBackend"}}`.

    OPTIONS may hold PRIORITY_QUEUES: by the least priority, the name of the resqd queue (see DEFAULT_PRIORITIES).
    """

    supports_defer = True
    supports_async_task = True  # a thread runs it on an event loop of its own, as Django's Task.call does
    supports_get_result = False
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.priorities = Priorities.of(self.options.get("PRIORITY_QUEUES", DEFAULT_PRIORITIES))

    def validate_task(self, task: Any) -> None:
        """Refuse what cannot run here (Django's InvalidTask); what can is registered as a job."""
        super().validate_task(task)
        _registry.register(task)

    def enqueue(self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Put a task on the queue of its priority; its result, which nobody updates.

        With RESQD["INLINE"] it runs now, and its outcome, be it an error, is in the result.
        """
        self.validate_task(task)
        result = _new_result(task, args, kwargs, backend=self.alias)
        app = _registry.adopt(the_app())
        due = time.time() if task.run_after is None else task.run_after.timestamp()
        job_id, raw = payloads.encode_new(
            task.module_path, [result.args, result.kwargs, _about(task)], enqueued_at=due
        )
        _set(result, id=job_id, enqueued_at=timezone.now())
        tell = partial(_signals.task_enqueued.send, type(self), task_result=result)
        if app.inline:
            tell()
            _run_inline(partial(self._put, app, task, job_id, raw), result)
        else:
            self._put(app, task, job_id, raw)
            tell()
        return result

    def _put(self, app: App, task: Any, job_id: str, raw: bytes) -> None:
        queue = self.priorities.queue(task.queue_name, task.priority)
        if task.run_after is None:
            app.push(queue, raw)
        else:
            parts_of(app).producer.put_later(queue, [(job_id, raw)], When.at(task.run_after.timestamp()))

    def check(self, **_: Any) -> list[checks.CheckMessage]:
        """What `manage.py check` says of this backend."""
        if not apps.is_installed("resqd.contrib.django"):
            text = f"TASKS[{self.alias!r}] needs 'resqd.contrib.django' in INSTALLED_APPS"
            return [checks.Error(text, id="resqd.E001")]
        missing = unserved(self.priorities.all(self.queues))
        if not missing:
            return []
        text = f"RESQD['QUEUES'] lacks queues that TASKS[{self.alias!r}] may use: {', '.join(missing)}"
        hint = "A daemon that is told its queues elsewhere is not looked at."
        return [checks.Warning(text, hint=hint, id="resqd.W001")]


def register_tasks_of(module: object) -> None:
    """Register those tasks of a module that another backend took when they were defined: `using` may send them here."""
    for value in vars(module).values():
        if isinstance(value, _base.Task):
            _registry.register(value)


class _Registry:
    """The tasks by module path, and the App that runs them as jobs."""

    def __init__(self) -> None:
        self._tasks: dict[str, Any] = {}
        self._app: App | None = None

    def register(self, task: Any) -> None:
        """Add a task; with other settings than before, as `using` makes them, it is the same one."""
        known = self._tasks.get(task.module_path)
        if known is None or known.func is not task.func:  # the latter where its module was read again
            self._tasks[task.module_path] = task
        if known is None and self._app is not None:
            self._add(task, self._app)

    def adopt(self, app: App) -> App:
        """Make jobs of that App of all tasks, those to come too."""
        if self._app is not app:
            self._app = app
            for task in [*self._tasks.values()]:
                self._add(task, app)
        return app

    def find(self, path: str) -> Any:
        return self._tasks[path]

    def _add(self, task: Any, app: App) -> None:
        path = task.module_path

        def perform(args: list[Any], kwargs: dict[str, Any], about: dict[str, Any] | None = None) -> None:
            _perform(path, args, kwargs, about or {})

        perform.__module__, perform.__qualname__ = task.func.__module__, task.func.__qualname__
        perform.__name__, perform.__doc__ = task.func.__name__, task.func.__doc__
        app.job(name=path, queue=task.queue_name)(perform)


_registry: Final = _Registry()
adopt: Final = _registry.adopt


class _Thread(threading.local):
    """The result that an inline run in this thread is to fill."""

    result: Any = None


_thread = _Thread()


def _run_inline(put: partial[None], result: Any) -> None:
    _thread.result = result
    try:
        put()
    except (Exception, SystemExit):
        if result.status != _Status.FAILED:  # else it is the task's own error, and in the result
            raise
    finally:
        _thread.result = None


def _perform(path: str, args: list[Any], kwargs: dict[str, Any], about: Mapping[str, Any]) -> None:
    """The job: run the task, tell its signals, and let resqd have its error."""
    result, _thread.result = _thread.result, None
    if result is None:
        result = _begun_elsewhere(_registry.find(path), args, kwargs, about)
    sender, now = type(result.task.get_backend()), timezone.now()
    result.worker_ids.append(f"{socket.gethostname()}:{os.getpid()}:{threading.current_thread().name}")
    _set(result, status=_Status.RUNNING, started_at=now, last_attempted_at=now)
    _signals.task_started.send_robust(sender, task_result=result)
    try:
        value = _base.normalize_json(_called(result))
    except BaseException as error:
        kind = type(error)
        said = _base.TaskError(
            exception_class_path=f"{kind.__module__}.{kind.__qualname__}",
            traceback="".join(format_exception(error)),
        )
        result.errors.append(said)
        _set(result, status=_Status.FAILED, finished_at=timezone.now())
        _signals.task_finished.send_robust(sender, task_result=result)
        raise
    _set(result, status=_Status.SUCCESSFUL, finished_at=timezone.now(), _return_value=value)
    _signals.task_finished.send_robust(sender, task_result=result)


def _called(result: Any) -> Any:
    first = [_base.TaskContext(task_result=result)] if result.task.takes_context else []
    return result.task.call(*first, *result.args, **result.kwargs)


def _about(task: Any) -> dict[str, Any]:
    """What a payload says of a task besides its arguments; the queue's own name tells too little of it."""
    return {"backend": task.backend, "queue_name": task.queue_name, "priority": task.priority}


def _begun_elsewhere(known: Any, args: list[Any], kwargs: dict[str, Any], about: Mapping[str, Any]) -> Any:
    """The result of a task that came in a payload, as its own process made it."""
    task = copy.copy(known)  # not `using`: a queue that is in QUEUES no more still has its tasks
    _set(task, **{name: about[name] for name in ("backend", "queue_name", "priority") if name in about})
    job, slot = current_job(), bound_slot()
    enqueued = slot.payload.enqueued_at if slot is not None and slot.payload is not None else None
    result = _new_result(task, args, kwargs, backend=task.backend)
    result.worker_ids.extend([_LOST] * (job.deliveries if job else 0))
    _set(result, id=(job.id if job else None) or "", enqueued_at=_moment(enqueued))
    return result


def _moment(seconds: float | None) -> datetime | None:
    """A payload's time as the project's times are."""
    if payloads.believed(seconds) is None or seconds is None:
        return None
    when = datetime.fromtimestamp(seconds, UTC)
    return when if settings.USE_TZ else timezone.make_naive(when)


def _new_result(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any], *, backend: str) -> Any:
    return _base.TaskResult(
        task=task,
        id="",
        status=_Status.READY,
        enqueued_at=None,
        started_at=None,
        finished_at=None,
        last_attempted_at=None,
        args=args,
        kwargs=kwargs,
        backend=backend,
        errors=[],
        worker_ids=[],
    )


def _set(frozen: Any, **values: Any) -> None:
    """Fill fields of Django's frozen records, as its own backends do."""
    for name, value in values.items():
        object.__setattr__(frozen, name, value)
