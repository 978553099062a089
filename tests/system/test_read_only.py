"""The daemon in a container: PID 1, a read-only root, no HOME, and one folder that it may write to."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.container import inside, why_not
from tests.support.waiting import wait_for

_ROOT = Path(__file__).parents[2]
_APP = """
import resqd
app = resqd.App()

@app.job(queue="q", name="Greet")
def greet():
    print("greeted", flush=True)

@app.hooks.before_first_fork
def enqueue():
    greet.enqueue()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The one folder; skips where no such container can be made."""
    one = tmp_path / "data"
    one.mkdir(mode=0o700)
    if reason := why_not(one):
        pytest.skip(reason)
    return one


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "daemon.log"


def start(folder: Path, log: Path, *, told: bool) -> subprocess.Popen[bytes]:
    """Start the daemon there, with nothing in its environment but where its code is."""
    code = folder.parent / "code"
    code.mkdir()
    (code / "greeting.py").write_text(_APP)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(_ROOT), str(code)])}
    if told:
        environ |= {"RUNTIME_DIRECTORY": str(folder), "STATE_DIRECTORY": str(folder)}
    command = [sys.executable, "-m", "resqd", "start", "--app", "greeting:app", "--queues", "q"]
    with log.open("wb") as out:
        return subprocess.Popen(
            inside(folder, *command),
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )


@pytest.fixture
def running(folder: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start(folder, log, told=True)
    yield process
    if process.poll() is None:
        for one in psutil.Process(process.pid).children():
            one.kill()
        process.wait(10)


def test_one_folder_is_enough(running: subprocess.Popen[bytes], log: Path) -> None:
    """With the embedded server in it; TERM to PID 1 ends all."""
    wait_for(lambda: "greeted" in log.read_text(), 20, what="the job has run")
    (master,) = psutil.Process(running.pid).children()
    master.terminate()
    assert running.wait(20) == 0, log.read_text()


def test_without_it_all_that_is_needed_is_named(folder: Path, log: Path) -> None:
    """In one line, at the start."""
    assert start(folder, log, told=False).wait(20) == 1
    said = log.read_text().splitlines()[-1]
    assert "RUNTIME_DIRECTORY=FOLDER STATE_DIRECTORY=FOLDER" in said
    assert "Read-only file system" in said or "cannot be written to" in said
