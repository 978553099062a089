"""An application in several modules, as people lay it out, in a real daemon."""

from pathlib import Path

import pytest

from resqd.app import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

WORKER = """
import resqd
app = resqd.App(name="shop", modules=["orders.jobs"])
app.discover("mail")
"""
JOBS = """
import os
from shop.worker import app

@app.job(queue="work")
def note(text: str) -> None:
    with open(os.environ["NOTED"], "a") as file:
        file.write(f"{__name__} {text}\\n")
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project of three packages, one of which has the App."""
    for package, module, source in (
        ("shop", "worker", WORKER),
        ("orders", "jobs", JOBS),
        ("mail", "jobs", JOBS),
    ):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / f"{module}.py").write_text(source)
    return tmp_path


def test_jobs_of_several_modules_run_and_a_slip_is_answered(shop: Path, redis_url: str) -> None:
    """The daemon imports what the App names; a name that nobody has gets the near ones into its failure."""
    app = App(redis_url)
    app.enqueue_to("work", "orders.jobs.note", "first")
    app.enqueue_to("work", "mail.jobs.note", "second")
    app.enqueue_to("work", "note", "third")
    flags = ("--app", "shop.worker:app", "--queues", "work", "--redis-url", redis_url)
    with Daemon(*flags, folder=shop, environ={"PYTHONPATH": str(shop), "NOTED": str(shop / "noted")}):
        [failure] = wait_for(app.failures.all, what="the unknown name has failed")
    assert (shop / "noted").read_text() == "orders.jobs first\nmail.jobs second\n"
    assert failure.error == (
        "no job is registered as 'note'; did you mean 'orders.jobs.note' or 'mail.jobs.note'?"
        " (2 known, of orders.jobs, mail.jobs)"
    )


def test_a_daemon_without_a_job_does_not_start(shop: Path, redis_url: str) -> None:
    """With 78 and one line, since it could only fail what it takes."""
    for package in ("orders", "mail"):
        (shop / package / "jobs.py").write_text("from shop.worker import app\n")
    flags = ("--app", "shop.worker:app", "--redis-url", redis_url)
    environ = {"PYTHONPATH": str(shop)}
    said = rf"shop.worker:app has no job; looked at shop.worker \({shop}/shop/worker.py\), orders.jobs \(.*, mail.jobs"
    with Daemon(*flags, folder=shop, environ=environ) as daemon:
        assert daemon.wait() == 78
        daemon.wait_for_line(said)
