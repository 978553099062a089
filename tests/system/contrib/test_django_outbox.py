"""Django's outbox: the manual's project with jobs on commit as rows, which survive what kills its processes."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.support import postgres
from tests.support.django_project import MANUAL, Project
from tests.support.manual import examples
from tests.support.postgres import Postgres
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import redis

_ORDERS = """
import os, signal
from django.core.management import call_command
from django.db import connection, transaction
from orders.jobs import confirm
from orders.models import Order

call_command("migrate", "--run-syncdb", verbosity=0)
call_command("makemigrations", "resqd_outbox", check_changes=True, dry_run=True, verbosity=0)


def rows():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM resqd_outbox")
        return cursor.fetchone()[0]


def buy(customer):
    order = Order.objects.create(customer=customer)
    confirm.enqueue_on_commit(order.pk)


with transaction.atomic():
    buy("Ada")
    try:
        with transaction.atomic():
            buy("nobody")
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert rows() == 1
confirm.using(queue="at once").enqueue(7)
with transaction.atomic():
    confirm.using(queue="at once").enqueue(8)
    buy("Bob")
    transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
"""
_SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}


def _postgres(server: Postgres) -> dict[str, str]:
    server.create("django")
    place = {"HOST": str(server.folder), "NAME": "django", "USER": "resqd"}
    return {"ENGINE": "django.db.backends.postgresql", **place}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """What DATABASES says."""
    programs = postgres.programs()
    if request.param == "sqlite":
        yield _SQLITE
    elif programs is None:
        pytest.skip("no initdb on this machine: apt-get install postgresql")
    else:
        with Postgres(programs) as server:
            yield _postgres(server)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.create(tmp_path_factory.mktemp("django") / "project")


@pytest.fixture
def project(template: Project, database: dict[str, str], tmp_path: Path, redis_url: str) -> Project:
    project = template.copy(tmp_path / "project", redis_url)
    project.add("shop/settings.py", f"DATABASES = {{'default': {database!r}}}\n")
    project.add("shop/settings.py", examples(MANUAL)["outbox/settings.py"])
    return project


def _queues(client: redis.Redis) -> Callable[[str], list[int]]:
    return lambda name: [json.loads(raw)["args"][0] for raw in client.lrange(f"resque:queue:{name}", 0, -1)]


def test_what_is_committed_is_enqueued_whatever_is_killed(
    project: Project, redis_client: redis.Redis
) -> None:
    """A rollback, be it to a savepoint, takes its rows along; other ways of enqueueing go to Redis as ever."""
    said = project.manage("shell", "-c", _ORDERS, status=-signal.SIGKILL)
    queue = _queues(redis_client)
    assert (queue("mail"), queue("at once")) == ([], [7, 8]), said
    moved = json.loads(project.manage("resqd", "outbox", "--once", "--json").splitlines()[-1])
    assert moved == {"moved": 2}
    ada, bob = queue("mail")
    with project.daemon() as daemon:
        daemon.wait_for_line(rf"^order {ada} of Ada$", 20)
        daemon.wait_for_line(rf"^order {bob} of Bob$", 20)
        code = "from orders.jobs import confirm; from django.db.transaction import atomic\n"
        project.shell(f"{code}with atomic():\n    confirm.enqueue_on_commit({bob})")
        wait_for(
            lambda: daemon.output().count(f"order {bob} of Bob\n") == 2, 20, what="the daemon moves rows"
        )
        assert daemon.stop() == 0
    assert redis_client.llen("resque:failed") == 0
