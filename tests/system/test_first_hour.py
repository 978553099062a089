"""A user's first hour, from the wheel in a fresh environment: the README's first job, several modules, Django."""

from __future__ import annotations

import email
import json
import re
import shlex
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import django
import psutil
import pytest

import resqd
from tests.support.container import inside, why_not
from tests.support.daemon import Daemon
from tests.support.distribution import ROOT, Environment, build, registry_answers
from tests.support.django_project import TASKS, Project
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]
README = ROOT / "README.md"
_SHOP = {
    "shop/__init__.py": "",
    "shop/app.py": "import resqd\n\napp = resqd.App()\n",
    "shop/worker.py": "from shop.app import app\nimport orders.jobs\nimport mail.jobs\n",
    "orders/__init__.py": "",
    "orders/jobs.py": "from mail.jobs import welcome\nfrom shop.app import app\n\n\n"
    '@app.job(queue="orders")\ndef confirm(number: int) -> None:\n    welcome.enqueue(f"buyer {number}")\n',
    "mail/__init__.py": "",
    "mail/jobs.py": "from shop.app import app\n\n\n"
    '@app.job(queue="mail")\ndef welcome(name: str) -> None:\n    print("welcome,", name, flush=True)\n',
}


SECTION = README.read_text().partition("## A first job")[2].partition("\n## ")[0]


def first_job() -> str:
    """The README's module of jobs."""
    code = re.search(r"```python\n(.*?)```", SECTION, re.DOTALL)
    assert code is not None
    return code[1]


@pytest.fixture(scope="module")
def dists(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("dist")
    if not registry_answers(folder):
        pytest.skip("pip reaches no package registry from this machine")
    return build(folder)


@pytest.fixture(scope="module")
def installed(dists: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """`pip install 'resqd[embedded]'`, and the Django that the tests' own environment has."""
    environment = Environment(tmp_path_factory.mktemp("environment"))
    tasks = ["django-tasks"] if TASKS == "django_tasks" else []
    environment.install(f"{dists[1]}[embedded]", f"django=={django.__version__}", *tasks)
    return environment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the user works."""
    work = tmp_path / "work"
    work.mkdir()
    return work


def daemon(installed: Environment, folder: Path, *words: str) -> Daemon:
    """`resqd start` of the wheel."""
    command = [str(installed.bin / words[0]), words[1]]
    return Daemon(*words[2:], folder=folder, cwd=folder, environ=installed.environ(), command=command)


def test_the_distributions_are_fit_for_an_index(dists: tuple[Path, Path]) -> None:
    """The version of the code, SPDX licence, the README as it is, and all files that are no Python."""
    sdist, wheel = dists
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [path] = [name for name in names if name.endswith("/METADATA")]
        metadata = email.message_from_string(archive.read(path).decode())
    assert metadata["Version"] == resqd.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).strip() == README.read_text().strip()
    shipped = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "resqd").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert shipped - names == set()
    with tarfile.open(sdist) as archive_of_source:
        sources = {name.partition("/")[2] for name in archive_of_source.getnames()}
    assert shipped | {"LICENSE", "README.md", "systemd/resqd.service"} <= sources


def test_an_index_takes_them(dists: tuple[Path, Path]) -> None:
    """`twine check --strict`: the metadata are whole, and the README renders."""
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, dists)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_readmes_first_job(installed: Environment, folder: Path) -> None:
    """Each command of the section, word for word, in its order, on the embedded server."""
    section = SECTION
    (folder / "jobs.py").write_text(first_job())
    first, *others = [shlex.split(line) for line in re.findall(r"^    (resq.*)$", section, re.MULTILINE)]
    assert first[:2] == ["resqd", "start"]
    with daemon(installed, folder, *first) as one:
        wait_for(lambda: installed.run("resqctl", "ping", cwd=folder).returncode == 0, 20)
        for words in others:
            if words[:2] == ["resqd", "failed"]:
                one.wait_for_line("ZeroDivisionError")
            done = installed.run(*words, cwd=folder)
            assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        assert others[-1] == ["resqctl", "drain"]
        assert one.wait(20) == 0
        assert re.search("^welcome, Ada$", one.output(), re.MULTILINE)
        assert one.output().count("failed: ZeroDivisionError") == 2
        one.expect_gone()


def test_jobs_in_several_modules(installed: Environment, folder: Path) -> None:
    """One App, jobs in packages of their own, one of which enqueues another's."""
    for name, text in _SHOP.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    checked = installed.run("resqd", "check", "--app", "shop.worker:app", cwd=folder)
    assert checked.returncode == 0, checked.stderr
    flags = ("--app", "shop.worker:app", "--queues", "orders,mail", "--threads", "2", "--jobs-per-fork", "50")
    with daemon(installed, folder, "resqd", "start", *flags) as one:
        wait_for(lambda: installed.run("resqctl", "ping", cwd=folder).returncode == 0, 20)
        code = "from orders.jobs import confirm\nprint(confirm.enqueue(7))"
        assert installed.run("python", "-c", code, cwd=folder).returncode == 0
        one.wait_for_line("^welcome, buyer 7$")
        status = json.loads(installed.run("resqctl", "status", "--json", cwd=folder).stdout)
        assert status["version"] == resqd.__version__
        assert installed.run("resqctl", "drain", cwd=folder).returncode == 0
        assert one.wait(20) == 0
        one.expect_gone()


def test_django(installed: Environment, tmp_path: Path, redis_url: str) -> None:
    """The project of the Django manual, by the wheel's code alone."""
    project = Project.create(tmp_path / "project", redis_url, python=installed.python)
    with project.daemon() as one:
        one.wait_for_line(r"jobs of resqd\.contrib\.django\.daemon:app")
        order = project.get("/buy?customer=Ada")[0].removeprefix("200 ")
        one.wait_for_line(rf"^order {order} of Ada$")
        project.manage("resqd", "drain")
        assert one.wait(20) == 0
        one.expect_gone()


def test_in_a_container(installed: Environment, folder: Path, tmp_path: Path) -> None:
    """As PID 1 below a read-only root and without a HOME: one folder is enough; who enqueues finds the server there."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    if reason := why_not(data):
        pytest.skip(reason)
    (folder / "jobs.py").write_text(first_job())
    told = {"RUNTIME_DIRECTORY": str(data), "STATE_DIRECTORY": str(data), "RESQD_TERM": "drain"}
    environ = {"PATH": installed.environ()["PATH"], "PYTHONPATH": str(folder), **told}
    command = ["resqd", "start", "--app", "jobs:app", "--preset", "balanced"]
    log = tmp_path / "daemon.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            inside(data, *command), env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        ready = ("resqctl", "--socket", str(data / "resqd.sock"), "ping", "--ready")
        wait_for(lambda: installed.run(*ready, cwd=folder).returncode == 0, 30, what="it is ready")
        enqueue = (installed.python, "-c", "from jobs import welcome; print(welcome.enqueue('Ada'))")
        subprocess.run(enqueue, cwd=folder, env=environ, check=True, timeout=60)
        wait_for(lambda: "welcome, Ada" in log.read_text(), 20, what="the job has run")
        [master] = psutil.Process(process.pid).children()
        master.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait(10)


def test_the_readmes_commands(installed: Environment, folder: Path) -> None:
    """Each command of "Running it", with something in the place of what stands there in capitals."""
    section = README.read_text().partition("## Running it")[2].partition("\n### ")[0]
    lines = re.findall(r"^    (resqd .*?)(?:  +#.*)?$", section, re.MULTILINE)
    assert len(lines) > 10
    (folder / "jobs.py").write_text(first_job())
    start = ("resqd", "start", "--app", "jobs:app", "--threads", "2", "--jobs-per-fork", "50")
    with daemon(installed, folder, *start) as one:
        wait_for(lambda: installed.run("resqctl", "ping", cwd=folder).returncode == 0, 20)
        words = ("resqd", "enqueue", "jobs.divide", "1", "0", "--app", "jobs:app")
        failing = installed.run(*words, cwd=folder).stdout.split()[1]
        one.wait_for_line("ZeroDivisionError")
        stand_ins = {"CLASS ARG...": "jobs.welcome '\"Bob\"'", "QUEUE|JOB_ID": "mail", " ID": f" {failing}"}
        for line in lines:
            told = line
            for placeholder, value in stand_ins.items():
                told = told.replace(placeholder, value)
            done = installed.run(*shlex.split(told), cwd=folder)
            assert done.returncode == 0, f"{told}: {done.stdout}{done.stderr}"
            if told == "resqd pause-queue mail":
                assert installed.run("resqd", "resume-queue", "mail", cwd=folder).returncode == 0
        one.stop()
