"""A real Django project, as the manual of resqd.contrib has it, with the real daemon."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Daemon
from tests.support.django_project import MANUAL, TASKS, Project
from tests.support.manual import commands
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    import redis


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.create(tmp_path_factory.mktemp("django") / "project")


@pytest.fixture
def project(template: Project, tmp_path: Path, redis_url: str) -> Project:
    return template.copy(tmp_path / "project", redis_url)


def test_the_manuals_project(project: Project, redis_client: redis.Redis) -> None:
    """The view's job runs after the commit; each command of the manual does what it says, to its end by `drain`."""
    project.manage("resqd", "status", status=3)
    with project.daemon() as daemon:
        daemon.wait_for_line(r"jobs of resqd\.contrib\.django\.daemon:app")
        order = project.get("/buy?customer=Ada")[0].removeprefix("200 ")
        daemon.wait_for_line(rf"^order {order} of Ada$")
        for line in commands(MANUAL):
            assert line.startswith("python manage.py ")
            words = line.split()[2:]
            if words[1] not in {"start", "drain"}:
                project.manage(*words)
        daemon.wait_for_line(r"reloading in place")
        wait_for(lambda: daemon.output().count(f"order {order} of Ada\n") == 2)
        status = json.loads(project.manage("resqd", "status", "--json"))
        assert (status["settings"]["worker_count"], status["settings"]["thread_count"]) == (2, 4)
        project.manage("resqd", "drain")
        assert daemon.wait() == 0
        daemon.expect_gone()
    assert redis_client.llen("resque:failed") == 0


def test_the_manuals_task(project: Project, redis_client: redis.Redis) -> None:
    """A task of the view goes to the queue of its priority, waits there under its path, and is run by a daemon.

    So is one that belongs to another backend, and was sent to this one.
    """
    project.add(
        "shop/settings.py", f"TASKS['other'] = {{'BACKEND': '{TASKS}.backends.immediate.ImmediateBackend'}}\n"
    )
    project.add(
        "orders/tasks.py", "@task(backend='other')\ndef other():\n    print('the other', flush=True)\n"
    )
    job_id = project.get("/thanks?customer=Ada")[0].removeprefix("200 ")
    raw = redis_client.lindex("resque:queue:default_high", 0)
    assert isinstance(raw, bytes)
    payload = json.loads(raw)
    assert payload["id"] == job_id
    assert payload["class"] == "orders.tasks.thank"
    assert payload["args"] == [
        ["Ada"],
        {"often": 2},
        {"backend": "default", "queue_name": "default", "priority": 10},
    ]
    project.shell("from orders.tasks import other; other.using(backend='default').enqueue()")
    with project.daemon("--burst") as daemon:
        daemon.wait_for_line("^thank you, Ada, Ada$", 20)
        daemon.wait_for_line("^the other$")
        assert daemon.wait() == 0
        daemon.expect_gone()
    assert redis_client.llen("resque:failed") == 0


def test_the_admins_page(project: Project, redis_client: redis.Redis) -> None:
    """It shows the queues to whoever has the permission, and to nobody else; without Redis it says so."""
    project.configure(WEB_URL="https://example.com/resqd/")
    redis_client.sadd("resque:queues", "mail")
    redis_client.rpush("resque:queue:mail", *[b"{}"] * 4711)
    project.shell(
        "from django.contrib.auth.models import Permission, User\n"
        "User.objects.create_superuser('root')\n"
        "User.objects.create_user('guest', is_staff=True)\n"
        "ward = User.objects.create_user('ward', is_staff=True)\n"
        "ward.user_permissions.add(Permission.objects.get(codename='view_overview'))\n"
    )
    page = "/admin/resqd/overview/"
    for user in ("root", "ward"):
        seen, index = project.get(page, "/admin/", user=user)
        assert seen.startswith("200 ")
        assert "<td>mail</td><td>4711</td><td>0</td>" in seen
        assert 'href="https://example.com/resqd/"' in seen
        assert page in index
    assert project.get(page, user="guest")[0].startswith("403 ")
    assert project.get(page)[0].startswith("302 ")
    project.configure(REDIS_URL="redis://127.0.0.1:1")
    assert "Redis cannot be reached" in project.get(page, user="root")[0]


def test_other_commands_do_not_stumble_over_it(project: Project) -> None:
    """The admin's page is a model without a table: nothing is to be migrated, dumped or checked of it."""
    project.manage("dumpdata", "--all")
    project.manage("makemigrations", "--check", "--dry-run")
    assert "no issues" in project.manage("check")
    project.configure(QUEUES=["mail"])
    assert "lacks queues that TASKS['default'] may use: default_high, default, default_low" in project.manage(
        "check"
    )


def test_what_is_wrong_is_said_where_it_stands(project: Project) -> None:
    """A wrong key by its name, an error in a job's module by the user's own line, and why it was imported."""
    project.configure(WORKER=3)
    said = project.manage("check", status=1)
    assert "RESQD['WORKER']: there is no such key; did you mean WORKERS" in said
    project.add("shop/settings.py", "del RESQD['WORKER']\n")
    project.add("orders/jobs.py", "import nowhere_at_all\n")
    said = project.manage("resqd", "start", status=1)
    assert re.search(r'File "\S+/orders/jobs\.py", line \d+, in <module>\n\s+import nowhere_at_all\n', said)
    assert "resqd was importing orders.jobs, since INSTALLED_APPS holds 'orders'" in said


NEW_CODE = """
from resqd.contrib.django import app


@app.job(queue="mail")
def confirm(order_id):
    print("new code", flush=True)
"""


def test_a_reload_finds_what_manage_py_found(project: Project, tmp_path: Path) -> None:
    """Started from another folder and with settings by flag; code that cannot be imported changes nothing."""
    project.write("elsewhere/__init__.py", "")
    project.write(
        "elsewhere/prod.py", "from shop.settings import *\nRESQD |= {'WORKERS': 1, 'NAME': 'prod'}\n"
    )
    with project.daemon("--settings=elsewhere.prod", "--threads", "3", cwd=tmp_path) as daemon:
        daemon.wait_for_line("jobs of resqd")
        resqctl = ("resqd", "--settings", "elsewhere.prod")
        wait_for(lambda: "pong" in project.manage(*resqctl, "ping", status=None), 20)
        project.add("orders/jobs.py", "def broken(:\n")
        daemon.send(signal.SIGHUP)
        daemon.wait_for_line(r"not reloaded, nothing changes: .*jobs\.py", 20)
        project.write("orders/jobs.py", NEW_CODE)
        assert "reload" in project.manage(*resqctl, "reload")

        def runs_new_code() -> bool:  # the old workers take jobs until the new ones are ready
            project.manage(*resqctl, "enqueue", "orders.jobs.confirm", "1")
            return "new code\n" in daemon.output()

        wait_for(runs_new_code, 20)
        settings = json.loads(project.manage(*resqctl, "status", "--json"))["settings"]
        assert (settings["name"], settings["worker_count"], settings["thread_count"]) == ("prod", 1, 3)
        daemon.stop()


LOGGING = """
LOGGING = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
"""


def test_resqd_start_knows_the_project_too(project: Project) -> None:
    """With DJANGO_SETTINGS_MODULE and --app; a LOGGING that disables other loggers leaves the daemon its words."""
    project.add("shop/settings.py", LOGGING)
    environ = {**project.environ, "DJANGO_SETTINGS_MODULE": "shop.settings"}
    flags = ("--app", "resqd.contrib.django.daemon:app", "--burst")
    project.manage("resqd", "enqueue", "orders.jobs.confirm", "99")
    with Daemon(*flags, folder=project.folder, environ=environ, cwd=project.folder) as daemon:
        daemon.wait_for_line(r"orders\.jobs\.confirm [0-9a-f]{32} of queue mail failed: \S*DoesNotExist", 20)
        assert daemon.wait() == 0
        daemon.expect_gone()


def test_the_commands_words_and_statuses(project: Project) -> None:
    """Help lists both programs; an unknown command is named with what is near; statuses are the programs' own."""
    said = project.manage("resqd", "--help")
    assert "Commands of resqd:" in said
    assert re.search(r"^  pause +Take no new jobs", said, re.MULTILINE)
    assert "Commands of resqctl:" in project.manage("help", "resqd")
    assert "there is no command 'statsu'; did you mean status" in project.manage("resqd", "statsu", status=2)
    assert "--workers" in project.manage("resqd", "start", "--help")
    assert "WORKER_COUNT (--workers)=no" in project.manage("resqd", "start", "--workers", "no", status=78)
    assert "no job is registered as 'nothing'" in project.manage("resqd", "enqueue", "nothing", status=1)
    said = project.shell(
        "from django.core.management import CommandError, call_command\n"
        "call_command('resqd', 'enqueue', 'orders.jobs.confirm', '1')\n"
        "try:\n    call_command('resqd', 'peek', 'mail', '--count', '0')\n"
        "except CommandError as error:\n    print(error, error.returncode)\n"
    )
    assert "is on mail" in said
    assert "resqd peek mail --count 0 ended with status 2 2" in said


def test_a_producer_follows_the_settings(project: Project, redis_client: redis.Redis) -> None:
    """Web processes and commands use the Redis and the namespace of RESQD, not those of the environment."""
    project.configure(NAMESPACE="shop")
    project.shell("from orders.jobs import confirm; confirm.enqueue(1)")
    project.manage("resqd", "enqueue", "orders.jobs.confirm", "2")
    assert redis_client.llen("shop:queue:mail") == 2
    assert "mail" in project.manage("resqd", "queues")


CHAIN = """

@app.job(queue="mail")
def first():
    second.enqueue()


@app.job(queue="mail")
def second():
    print("second ran", flush=True)
"""


def test_a_daemons_flags_win_for_its_jobs_too(project: Project) -> None:
    """A job enqueues where its daemon looks, not where the settings say."""
    project.configure(NAMESPACE="shop")
    project.add("orders/jobs.py", CHAIN)
    other = ("--namespace", "other")
    project.manage("resqd", "enqueue", "orders.jobs.first", *other)
    with project.daemon(*other, "--burst") as daemon:
        daemon.wait_for_line("^second ran$", 20)
        assert daemon.wait() == 0
        daemon.expect_gone()
