"""The results of Django's tasks: made anew, written down, and read back as they are now."""

from __future__ import annotations

import copy
from collections import OrderedDict
from datetime import UTC, datetime
from traceback import format_exception
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils import timezone

from resqd import errors
from resqd.contrib.django.upstream import Status, base
from resqd.store.resque.outcome import Outcome
from resqd.store.resque.payload import believed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from resqd.sealing import Keyring
    from resqd.store.tasks.record import Record

_CHOSEN: Final = ("backend", "queue_name", "priority")
_REMEMBERED: Final = 1_000
"""How many results of tasks a process remembers that ran without Redis."""


def new(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The result of a task that nobody has run. Errors: TypeError for arguments that JSON cannot hold."""
    return base.TaskResult(
        task=task,
        id="",
        status=Status.READY,
        enqueued_at=None,
        started_at=None,
        finished_at=None,
        last_attempted_at=None,
        args=args,
        kwargs=kwargs,
        backend=task.backend,
        errors=[],
        worker_ids=[],
    )


def fill(frozen: Any, **values: Any) -> None:
    """Fill fields of Django's frozen records, as its own backends do."""
    for name, value in values.items():
        object.__setattr__(frozen, name, value)


def moment(seconds: object) -> datetime | None:
    """A time in seconds since 1970 as the project's times are; None where it is none."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or believed(seconds) is None:
        return None
    when = datetime.fromtimestamp(seconds, UTC)
    return when if settings.USE_TZ else timezone.make_naive(when)


def about(task: Any) -> dict[str, Any]:
    """What a payload says of a task besides its arguments; the queue's own name tells too little of it."""
    return {name: getattr(task, name) for name in _CHOSEN}


def task_as_sent(known: Any, said: Mapping[str, Any]) -> Any:
    """The task as its producer had it, of what `about` wrote."""
    task = copy.copy(known)  # not `using`: a queue that is in QUEUES no more still has its tasks
    fill(task, **{name: said[name] for name in _CHOSEN if name in said})
    return task


def written(result: Any, keyring: Keyring | None = None) -> dict[str, Any]:
    """What is kept of a task when it is enqueued: all that its result says of it, its arguments encrypted by keys."""
    task = result.task
    given = {"args": result.args, "kwargs": result.kwargs}
    return {
        **about(task),
        "path": task.module_path,
        **(given if keyring is None else {"given": keyring.value(given)}),
        "enqueued_at": result.enqueued_at.timestamp(),
        "run_after": None if task.run_after is None else task.run_after.timestamp(),
    }


def read_back(
    result_id: str, record: Record, outcome: Outcome, known: Any, keyring: Keyring | None = None
) -> Any:
    """The result of a task as it is now, of what is kept of it. Errors: Undecipherable."""
    said, value = record.task, outcome.value
    if keyring is not None:
        said, value = {**said, **keyring.opened(said.get("given", {}))}, keyring.opened(value)
    task = task_as_sent(known, said)
    fill(task, run_after=moment(said.get("run_after")))
    result = new(task, said.get("args", []), said.get("kwargs", {}))
    fill(result, id=result_id, enqueued_at=moment(said.get("enqueued_at")), status=_status(record, outcome))
    tell_tries(result, record)
    if outcome.ended:
        fill(result, finished_at=moment(record.finished), _return_value=value)
        result.errors.extend(_last_words(record, outcome))
    return result


def tell_tries(result: Any, record: Record) -> None:
    """Say in a result which tries there have been."""
    fill(result, started_at=moment(record.started), last_attempted_at=moment(record.tried))
    fill(result, worker_ids=[*record.workers], errors=[base.TaskError(**error) for error in record.errors])


def _status(record: Record, outcome: Outcome) -> Any:
    if outcome.ended:
        return Status.SUCCESSFUL if outcome.state == "done" else Status.FAILED
    return Status.RUNNING if record.running else Status.READY


def error_of(error: BaseException, *, recorded: BaseException) -> Mapping[str, str]:
    """What a result says of an error; `recorded` is what its job's record says, as where it was killed."""
    kind = type(recorded)
    return {
        "exception_class_path": f"{kind.__module__}.{kind.__qualname__}",
        "traceback": "".join(format_exception(error)),
    }


def _last_words(record: Record, outcome: Outcome) -> list[Any]:
    """Why it ended so, where its own errors do not tell: its process was lost, say, or it was taken off its queue."""
    kind = (outcome.error or "").partition(":")[0]
    own = [str(error["exception_class_path"]).rpartition(".")[2] for error in record.errors[-1:]]
    if (outcome.error is None and outcome.state in {"done", "discarded"}) or own == [kind]:
        return []
    known = isinstance(getattr(errors, kind, None), type)
    path = f"{errors.__name__}.{kind if known else errors.JobFailed.__name__}"
    return [
        base.TaskError(exception_class_path=path, traceback=outcome.error or f"the task was {outcome.state}")
    ]


class Remembered:
    """Results of tasks that this process has run by itself, or recorded for a test: the latest ones."""

    def __init__(self) -> None:
        self._results: OrderedDict[str, Any] = OrderedDict()

    def add(self, result: Any) -> None:
        """Remember a result, which changes as the task runs."""
        self._results[result.id] = result
        while len(self._results) > _REMEMBERED:
            self._results.popitem(last=False)

    def begin(self, result: Any) -> None:
        """Remember one that a try begins for, and tell it of those before."""
        if (before := self._results.get(result.id)) is not None and before is not result:
            fill(
                result,
                worker_ids=[*before.worker_ids],
                errors=[*before.errors],
                enqueued_at=before.enqueued_at,
            )
            fill(result, task=before.task, started_at=before.started_at)
        self.add(result)

    def find(self, result_id: str) -> Any:
        """As it is now, and does not change any more; None where it is not known."""
        found = self._results.get(result_id)
        if found is None:
            return None
        found = copy.copy(found)
        fill(found, worker_ids=[*found.worker_ids], errors=[*found.errors])
        return found
