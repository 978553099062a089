"""A module of jobs that runs as the program, and that its own imports import again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

_APP = """
import resqd

app = resqd.App()
"""
_TASKS = """
{before}
from the_app import app

copies = []


@app.job(queue="mail")
def work(number):
    copies.append(__name__)


@app.job(queue="mail")
class Work:
    @staticmethod
    def perform(number):
        copies.append(__name__)


{after}

if __name__ == "__main__":
    work.enqueue(1)
    helpers.tasks.work.enqueue(2)
    Work.enqueue(3)
    for _ in range(3):
        app.run_one()
    print(sorted(app.jobs), copies)
"""
_OTHER = """
from the_app import app


@app.job(name="tasks.work")
def work(number): ...
"""


def run(folder: Path, url: str, tasks: str) -> subprocess.CompletedProcess[str]:
    (folder / "the_app.py").write_text(_APP)
    (folder / "helpers.py").write_text("import tasks\n")
    (folder / "tasks.py").write_text(tasks)
    environ = {**os.environ, "REDIS_URL": url}
    return subprocess.run(
        [sys.executable, "tasks.py"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("where", ["before", "after"])
def test_it_registers_its_jobs_twice_and_runs_them_as_the_program(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis, where: str
) -> None:
    """Whichever copy comes first, both enqueue under one name, and `run_one` runs the program's."""
    lines = {"before": "", "after": "", where: "import helpers"}
    done = run(tmp_path, redis_url, _TASKS.format(**lines))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['tasks.Work', 'tasks.work'] ['__main__', '__main__', '__main__']\n"
    assert not redis_client.exists("resque:failed")


def test_another_job_of_that_name_is_refused_as_ever(tmp_path: Path, redis_url: str) -> None:
    """Only the same place in the same file counts as the same job."""
    (tmp_path / "other.py").write_text(_OTHER)
    done = run(tmp_path, redis_url, _TASKS.format(before="import other", after=""))
    assert "there is a job named tasks.work already" in done.stderr
    assert done.returncode == 1
