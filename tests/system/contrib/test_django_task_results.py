"""The results of Django's tasks, read by another process than the one that runs them."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

import resqd.testing
from resqd.contrib import django as contrib
from tests.support.django_project import TASKS, Project
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    import redis

GIVEN = """
import os, time
from pathlib import Path


@task
def double(number):
    return {"twice": number * 2}


@task
def broken():
    raise FileNotFoundError("no such luck")


@task
def dies():
    os._exit(3)


@task
def big():
    return "x" * 2_000_000


@task
def waits(path):
    Path(path).with_suffix(".begun").touch()
    while not Path(path).exists():
        time.sleep(0.01)
    return "waited"
"""
TELL = f"""
import json
from {TASKS} import default_task_backend as backend
from {TASKS}.exceptions import TaskResultDoesNotExist
told = {{}}
for name, key in IDS.items():
    try:
        one = backend.get_result(key)
    except TaskResultDoesNotExist:
        told[name] = None
        continue
    told[name] = dict(status=one.status, path=one.task.module_path, args=one.args, attempts=one.attempts,
                      value=one.return_value if one.status == "SUCCESSFUL" else None,
                      later=one.task.run_after is not None, priority=one.task.priority, queue=one.task.queue_name,
                      errors=[error.exception_class_path for error in one.errors],
                      last=one.errors[-1].traceback.splitlines()[-1] if one.errors else "",
                      times=[moment and moment.timestamp() for moment in
                             (one.enqueued_at, one.started_at, one.last_attempted_at, one.finished_at)])
print("told", json.dumps(told))
"""


@pytest.fixture
def project(tmp_path: Path, redis_url: str) -> Project:
    made = Project.create(tmp_path / "project", redis_url)
    made.add("orders/tasks.py", GIVEN)
    made.configure(MAX_DELIVERIES=1, JOBS_PER_FORK=1)
    return made


def looked_up(project: Project, ids: dict[str, str]) -> dict[str, Any]:
    """What a web process sees of these tasks."""
    found: dict[str, Any] = json.loads(project.shell(f"IDS = {ids!r}\n{TELL}").partition("told ")[2])
    return found


def test_another_process_reads_what_becomes_of_a_task(
    project: Project, tmp_path: Path, redis_client: redis.Redis
) -> None:
    """Ready, running, and each end: with its value, its error, a lost process, or taken away before it began."""
    gate = tmp_path / "gate"
    ids: dict[str, str] = json.loads(
        project.shell(
            "import datetime, json\n"
            "from django.utils import timezone\n"
            "from orders.tasks import *\n"
            "day = timezone.now() + datetime.timedelta(days=1)\n"
            "sent = dict(good=double.using(priority=5).enqueue(4), bad=broken.enqueue(), lost=dies.enqueue(),\n"
            f"    big=big.enqueue(), waits=waits.using(priority=-5).enqueue({str(gate)!r}),\n"
            "    later=double.using(run_after=day).enqueue(1),\n"
            "    dropped=double.using(run_after=day).enqueue(2))\n"
            "print('told', json.dumps({name: one.id for name, one in sent.items()}))"
        ).partition("told ")[2]
    )
    before = looked_up(project, {**ids, "never": "0" * 32})
    assert before.pop("never") is None
    assert {one["status"] for one in before.values()} == {"READY"}
    assert [before["good"][key] for key in ("path", "args", "priority", "queue", "attempts")] == [
        "orders.tasks.double",
        [4],
        5,
        "default",
        0,
    ]
    assert (before["later"]["later"], before["good"]["later"]) == (True, False)
    project.manage("resqd", "later", "cancel", ids["dropped"], "--yes")
    with project.daemon() as daemon:
        daemon.wait_for_line("jobs of resqd")
        wait_for(gate.with_suffix(".begun").exists, 20)
        meanwhile = looked_up(project, ids)
        assert (meanwhile["waits"]["status"], meanwhile["waits"]["attempts"]) == ("RUNNING", 1)
        assert meanwhile["waits"]["times"][3] is None
        gate.touch()
        wait_for(lambda: redis_client.ttl(f"resque:resqd:result:{ids['waits']}") > 0, 20)
        wait_for(lambda: redis_client.llen("resque:failed") == 2, 20)
        daemon.stop()
    after = looked_up(project, ids)
    assert {name: one["status"] for name, one in after.items()} == {
        "good": "SUCCESSFUL",
        "bad": "FAILED",
        "lost": "FAILED",
        "big": "SUCCESSFUL",
        "waits": "SUCCESSFUL",
        "later": "READY",
        "dropped": "FAILED",
    }
    assert (after["good"]["value"], after["waits"]["value"]) == ({"twice": 8}, "waited")
    assert after["good"]["times"] == sorted(after["good"]["times"])
    assert (after["bad"]["errors"], after["bad"]["last"]) == (
        ["builtins.FileNotFoundError"],
        "FileNotFoundError: no such luck",
    )
    assert (after["big"]["value"], after["big"]["last"]) == (
        None,
        "the result has 2000012 bytes, and more than 1048576 are not kept",
    )
    assert after["lost"]["errors"] == ["resqd.errors.DirtyExit"]
    assert (after["dropped"]["errors"], after["dropped"]["last"]) == (
        ["resqd.errors.JobFailed"],
        "the task was removed",
    )
    assert 0 < redis_client.ttl(f"resque:resqd:task:{ids['bad']}") <= 3_600


def test_with_keys_nothing_of_a_task_is_in_clear(project: Project, redis_client: redis.Redis) -> None:
    """Neither in its payload nor in its record; the worker, and who asks for its result, have it as it was."""
    key = "A" * 43 + "="
    project.configure(KEYS=[key])
    said = project.shell("from orders.tasks import double; print('told', double.enqueue(41424344).id, 'so')")
    ids = {"good": said.partition("told ")[2].partition(" so")[0]}
    client = redis_client
    kept = [client.hgetall(f"resque:resqd:task:{ids['good']}"), client.lrange("resque:queue:default", 0, -1)]
    assert ("41424344" in repr(kept), repr(kept).count("resqd:encrypted")) == (False, 2)
    with project.daemon("--burst") as daemon:
        assert daemon.wait(30) == 0
    found = looked_up(project, ids)["good"]
    assert (found["status"], found["args"], found["value"]) == ("SUCCESSFUL", [41424344], {"twice": 82848688})
    assert "82848688" not in repr(client.get(f"resque:resqd:result:{ids['good']}"))


@pytest.fixture
def tasks(databases: None) -> Any:  # noqa: ARG001 - Django must be set up
    module: Any = import_module("tests.support.given_tasks")
    module.seen.clear()
    return module


@pytest.fixture
def exceptions(tasks: Any) -> Any:  # noqa: ARG001 - as above
    return import_module(f"{TASKS}.exceptions")


def test_a_result_belongs_to_its_task(tasks: Any, exceptions: Any) -> None:
    """What is asked for by another task, or was never enqueued, is told by Django's own errors; also on a loop."""
    with resqd.testing.fake(contrib.app) as sent:
        result = tasks.note.enqueue(1)
        assert tasks.note.get_result(result.id) == result
        with pytest.raises(exceptions.TaskResultMismatch):
            tasks.fail.get_result(result.id)
        with pytest.raises(exceptions.TaskResultDoesNotExist):
            tasks.note.get_result("0")
        sent.drain()
        asyncio.run(result.arefresh())
        assert (result.status, result.return_value, result.attempts) == ("SUCCESSFUL", [[1], {}], 1)
        found = asyncio.run(tasks.note.aget_result(result.id))
        assert found.finished_at >= found.started_at >= found.enqueued_at


@override_settings(RESQD={"INLINE": True})  # type: ignore[untyped-decorator] # Django ships no type information
def test_inline_results_are_remembered(tasks: Any) -> None:
    """So that a page which asks for one is tested without Redis."""
    result = tasks.fail.enqueue()
    assert tasks.fail.get_result(result.id) == result
    assert result.errors[0].exception_class is ValueError


def test_who_keeps_no_results_has_none(tasks: Any) -> None:
    """KEEP_RESULT=None costs nothing, and says that results cannot be had; anything else is seconds."""
    backend: Any = import_module("resqd.contrib.django.tasks").ResqdBackend
    given = {"QUEUES": ["default", "mail"]}
    assert backend("default", given).supports_get_result
    none = backend("default", {**given, "OPTIONS": {"KEEP_RESULT": None}})
    assert not none.supports_get_result
    with pytest.raises(NotImplementedError):
        none.get_result("0")
    with resqd.testing.fake(contrib.app) as sent:
        none.enqueue(tasks.note, (), {})
        assert sent.enqueued[0].payload.marks is None
    for wrong in (0, -1, True, "1h", float("inf")):
        with pytest.raises(ImproperlyConfigured, match="KEEP_RESULT is"):
            backend("default", {"OPTIONS": {"KEEP_RESULT": wrong}})
