"""An outbox in SQLite and PostgreSQL: what is killed between the commit, the push and the row's end loses no job."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from tests.support import postgres
from tests.support.daemon import Daemon
from tests.support.django_project import ROOT
from tests.support.postgres import Postgres
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    import redis

APP = "tests.support.outbox_shop:app"


Database = Callable[[], str]
"""Makes an empty database; its URL."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def new_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """The server is the module's, and older than each test."""
    names = (f"shop{number}" for number in count(1))
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("sqlite")
        yield lambda: f"sqlite:///{folder}/{next(names)}.db"
        return
    programs = postgres.programs()
    if programs is None:
        pytest.skip("no initdb on this machine: apt-get install postgresql")
    with Postgres(programs) as server:
        yield lambda: server.create(next(names))


class Shop:
    """The shop and who moves its outbox, each as a process of its own."""

    def __init__(self, database: str, redis_url: str, client: redis.Redis) -> None:
        self.environ = {"DATABASE": database, "REDIS_URL": redis_url, "PYTHONPATH": str(ROOT)}
        self._client = client
        self.engine = create_engine(database)

    def run(self, *words: str) -> int:
        """What became of the program."""
        command = [sys.executable, "-m", "tests.support.outbox_shop", *words]
        return subprocess.run(command, check=False, env={**os.environ, **self.environ}, timeout=60).returncode

    def moving(self, *flags: str) -> subprocess.Popen[str]:
        """`resqd outbox`."""
        command = [sys.executable, "-m", "resqd", "outbox", "--app", APP, *flags]
        return subprocess.Popen(
            command,
            env={**os.environ, **self.environ},
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def move(self) -> int:
        """`resqd outbox --once`: how many it moved."""
        with self.moving("--once", "--json") as process:
            said = process.communicate(timeout=60)[0]
        assert process.returncode == 0
        return int(json.loads(said)["moved"])

    def rows(self) -> int:
        """How many jobs are in the outbox."""
        with self.engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM resqd_outbox")).scalar_one())

    def queue(self, name: str = "mail") -> list[int]:
        """The numbers of the orders in a queue."""
        return [json.loads(raw)["args"][0] for raw in self._client.lrange(f"resque:queue:{name}", 0, -1)]

    @contextmanager
    def no_deleting(self) -> Iterator[None]:
        """Rows may be read and locked, and not be deleted, for as long as this takes."""
        with closing(self.engine.connect()) as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text("LOCK TABLE resqd_outbox IN SHARE MODE"))
            yield
            connection.rollback()


@pytest.fixture
def shop(new_database: Database, redis_url: str, redis_client: redis.Redis) -> Iterator[Shop]:
    shop = Shop(new_database(), redis_url, redis_client)
    yield shop
    shop.engine.dispose()


def test_a_kill_between_the_commit_and_the_push_loses_nothing(shop: Shop) -> None:
    """A job that waits for the commit in memory is lost there; one in the outbox is not, and rollbacks drop both."""
    assert shop.run("buy:1", "roll-back:2", "buy:3", "die:4") == -signal.SIGKILL
    assert (shop.queue("memory"), shop.queue(), shop.rows()) == ([1, 3], [], 3)
    assert shop.move() == 3
    assert (shop.queue(), shop.rows()) == ([1, 3, 4], 0)


def test_a_kill_between_the_push_and_the_rows_end_puts_nothing_twice(shop: Shop) -> None:
    """Redis knows the row again, though it is handed over once more: by another, or when it is moved by hand."""
    assert shop.run("buy:1", "buy:2") == 0
    with shop.no_deleting(), shop.moving() as process:
        wait_for(lambda: len(shop.queue()) == 2, 20, what="the jobs are in Redis")
        assert shop.rows() == 2
        process.kill()
    assert shop.move() == 2
    assert (shop.queue(), shop.rows()) == ([1, 2], 0)


def test_the_daemon_moves_them_and_runs_them(shop: Shop, tmp_path: Path) -> None:
    """Without a word about it; each finds what was committed with it, and none comes twice."""
    assert shop.run("buy:1", "buy:2") == 0
    flags = ("--app", APP, "--queues", "mail", "--name", "shop")
    with Daemon(*flags, folder=tmp_path, environ=shop.environ) as daemon:
        for number in (1, 2):
            daemon.wait_for_line(f"^confirmed {number}$", 20)
        wait_for(lambda: shop.rows() == 0, what="the rows are gone")
        assert daemon.stop() == 0
    assert daemon.output().count("confirmed") == 2


@pytest.mark.long
@pytest.mark.timeout(300)
def test_any_number_of_them_may_be_killed_at_any_moment(shop: Shop) -> None:
    """Three move 2,000 orders that are made meanwhile, and are killed forty times: each job is put once."""
    choose = random.Random(7)
    moving = [shop.moving() for _ in range(3)]
    buying = subprocess.Popen(
        [sys.executable, "-m", "tests.support.outbox_shop", *(f"buy:{n}" for n in range(2_000))],
        env={**os.environ, **shop.environ},
    )
    for _ in range(40):
        time.sleep(choose.uniform(0.0, 0.5))
        victim = choose.randrange(len(moving))
        moving[victim].kill()
        moving[victim].communicate()
        moving[victim] = shop.moving()
    assert buying.wait(200) == 0
    wait_for(lambda: shop.rows() == 0, 60, what="the outbox is empty")
    for process in moving:
        process.terminate()
        process.communicate()
        assert process.returncode in {0, -signal.SIGTERM}  # the latter where it had not begun
    assert sorted(shop.queue()) == [*range(2_000)]
