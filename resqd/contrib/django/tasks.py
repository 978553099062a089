"""The backend of Django's tasks: of `django.tasks` in 6.0, before that of the package django-tasks.

A task is a job whose name is its module path and whose arguments are the task's list and object of arguments,
and an object that says how it was enqueued. As with any job only what was registered runs: tasks are that when
they are defined, and daemons import the module `tasks` of each installed app for it. Beside the job stands a record of
the task (`store/tasks`), which results are read from.
"""

from __future__ import annotations

import contextlib
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from resqd.application.parts import parts_of
from resqd.application.producer import Producer
from resqd.contrib.django import task_results as results
from resqd.contrib.django.application import into_outbox, now_or_after, the_app
from resqd.contrib.django.priorities import DEFAULT_PRIORITIES, Priorities, unserved
from resqd.contrib.django.task_runs import perform, remembered, run_inline
from resqd.contrib.django.transaction import after_commit
from resqd.contrib.django.upstream import BaseTaskBackend, base, exceptions, signals
from resqd.errors import StoreError
from resqd.sealing import MARK
from resqd.store.debts import OWES
from resqd.store.later.later import When
from resqd.store.resque import encoding, outcome
from resqd.store.tasks import record
from resqd.store.tasks.record import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from resqd.contrib.django.application import App
    from resqd.sealing import Keyring

KEEP_RESULT: Final = 3_600
"""Seconds for which a task's result can be read after its end, unless OPTIONS say otherwise."""


class ResqdBackend(BaseTaskBackend):  # type: ignore[misc] # Django ships no type information
    """`TASKS = {"default": {"BACKEND": "resqd.contrib.django.tasks.ResqdBackend"}}`.

    OPTIONS may hold PRIORITY_QUEUES: by the least priority, the name of the resqd queue (see DEFAULT_PRIORITIES); and
    KEEP_RESULT: for how many seconds results can be read after the task's end, None for never.
    """

    supports_defer = True
    supports_async_task = True  # a thread runs it on an event loop of its own, as Django's Task.call does
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.priorities = Priorities.of(self.options.get("PRIORITY_QUEUES", DEFAULT_PRIORITIES))
        self.keep_result = _seconds(self.options.get("KEEP_RESULT", KEEP_RESULT))
        self.supports_get_result = self.keep_result is not None

    def validate_task(self, task: Any) -> None:
        """Refuse what cannot run here (Django's InvalidTask); what can is registered as a job."""
        super().validate_task(task)
        _registry.register(task)

    def enqueue(self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Put a task on the queue of its priority; its result, which `refresh` brings up to date.

        With RESQD["INLINE"] it runs now, and its outcome, be it an error, is in the result.
        """
        self.validate_task(task)
        result = results.new(task, args, kwargs)
        app = _registry.adopt(the_app())
        due = time.time() if task.run_after is None else task.run_after.timestamp()
        job = app.find(task.module_path)
        row = [result.args, result.kwargs, results.about(task)]
        [(job_id, raw)] = parts_of(app).producer.encoded(job, [row], due)
        results.fill(result, id=job_id, enqueued_at=timezone.now(), backend=self.alias)
        tell = partial(signals.task_enqueued.send, type(self), task_result=result)
        put = partial(now_or_after, partial(self._put, app, result, raw))
        if app.inline:
            tell()
            run_inline(put, result)
        else:
            put()
            tell()
        return result

    def _put(self, app: App, result: Any, raw: bytes) -> None:
        """Write the record, if results are kept, and put the job where it belongs."""
        sealed = _sealed(app, result)
        if parts_of(app).producer.outlet is not None:
            remembered.add(result)
            self._push(app, result, encoding.marked(raw, sealed) if sealed else raw)
        elif self.keep_result is None:
            self._push(app, result, encoding.marked(raw, sealed) if sealed else raw)
        else:
            self._put_kept(app, result, raw, self.keep_result)

    def _put_kept(self, app: App, result: Any, raw: bytes, seconds: float) -> None:
        tasks, delay = app.store.open(Tasks), _delay(result.task)
        owes = dict([outcome.debt_for(result.id, seconds), record.debt_for(result.id, seconds)])
        kept = encoding.marked(raw, {**_sealed(app, result), OWES: owes})
        said = results.written(result, _keyring(app, result))
        add = partial(tasks.add, result.id, said, seconds=delay + seconds)
        if into_outbox():
            self._push(app, result, kept)
            after_commit(partial(_if_redis_answers, add))
            return
        app.store.keeps_results()
        add()
        try:
            self._push(app, result, kept)
        except StoreError:
            with contextlib.suppress(StoreError):
                tasks.drop(result.id)
            raise

    def _push(self, app: App, result: Any, raw: bytes) -> None:
        producer, task = parts_of(app).producer, result.task
        queue = self.priorities.queue(task.queue_name, task.priority)
        # The plain producer's: the project's own would wait for the commit once more.
        if task.run_after is None:
            Producer.push(producer, queue, [raw])
        else:
            Producer.put_later(producer, queue, [(result.id, raw)], When.at(task.run_after.timestamp()))

    def get_result(self, result_id: str) -> Any:
        """The result of a task as it is now: until KEEP_RESULT seconds after its end.

        Errors: Django's TaskResultDoesNotExist; NotImplementedError where results are not kept; StoreError.
        """
        if self.keep_result is None:
            return super().get_result(result_id)
        app = _registry.adopt(the_app())
        alone = parts_of(app).producer.outlet is not None
        found = remembered.find(result_id) if alone else _looked_up(app, result_id)
        if found is None:
            raise exceptions.TaskResultDoesNotExist(result_id)
        return found

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


def _keyring(app: App, result: Any) -> Keyring | None:
    """With which the task is encrypted."""
    seal = app.find(result.task.module_path).seal
    return None if seal is None else seal.keyring


def _sealed(app: App, result: Any) -> dict[str, int]:
    """What its payload says of that."""
    return {} if _keyring(app, result) is None else {MARK: 1}


def _if_redis_answers(add: Callable[[], None]) -> None:
    """A task is enqueued whether it can be looked up or not: its row has been committed."""
    with contextlib.suppress(StoreError):
        add()


def register_tasks_of(module: object) -> None:
    """Register those tasks of a module that another backend took when they were defined: `using` may send them here."""
    for value in vars(module).values():
        if isinstance(value, base.Task):
            _registry.register(value)


class _Registry:
    """The tasks by module path, and the App that runs them as jobs."""

    def __init__(self) -> None:
        self.tasks: dict[str, Any] = {}
        self._app: App | None = None

    def register(self, task: Any) -> None:
        """Add a task; with other settings than before, as `using` makes them, it is the same one."""
        known = self.tasks.get(task.module_path)
        if known is None or known.func is not task.func:  # the latter where its module was read again
            self.tasks[task.module_path] = task
        if known is None and self._app is not None:
            self._add(task, self._app)

    def adopt(self, app: App) -> App:
        """Make jobs of that App of all tasks, those to come too."""
        if self._app is not app:
            self._app = app
            for task in [*self.tasks.values()]:
                self._add(task, app)
        return app

    def _add(self, task: Any, app: App) -> None:
        path = task.module_path

        def run(args: list[Any], kwargs: dict[str, Any], about: dict[str, Any] | None = None) -> Any:
            return perform(self.tasks[path], args, kwargs, about or {})

        run.__module__, run.__qualname__ = task.func.__module__, task.func.__qualname__
        run.__name__, run.__doc__ = task.func.__name__, task.func.__doc__
        app.job(name=path, queue=task.queue_name)(run)


_registry: Final = _Registry()
adopt: Final = _registry.adopt


def _looked_up(app: App, result_id: str) -> Any:
    """A result as Redis has it; None where it has none, or of a task that is not registered here."""
    kept, ended = app.store.open(Tasks).look(result_id)
    known = _registry.tasks.get(str(kept.task.get("path"))) if kept else None
    if kept is None or known is None:
        return None
    return results.read_back(result_id, kept, outcome.read(ended), known, parts_of(app).catalog.keyring)


def _delay(task: Any) -> float:
    """For how many seconds a task waits at least."""
    return 0.0 if task.run_after is None else max(0.0, task.run_after.timestamp() - time.time())


def _seconds(keep: object) -> float | None:
    """Check the option KEEP_RESULT; raises ImproperlyConfigured."""
    if keep is None:
        return None
    if isinstance(keep, bool) or not isinstance(keep, int | float) or not 0 < keep < math.inf:
        raise ImproperlyConfigured(
            f"KEEP_RESULT is {keep!r}; give seconds, such as {KEEP_RESULT}, or None to keep no results"
        )
    return float(keep)
