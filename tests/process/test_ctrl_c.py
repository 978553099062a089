"""Ctrl-C at a program's very beginning ends it, and leaves no traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.conftest import ENVIRON
from tests.support.waiting import wait_for

SLOW = """
import os, time
open(os.environ["MARKER"], "w").close()
time.sleep(20)
"""


def interrupt(command: list[str], *, folder: Path) -> tuple[int, str]:
    """Interrupt the command where it imports the slow module of the folder; its status and what it said."""
    marker = folder / "marker"
    paths = os.pathsep.join([str(folder), ENVIRON["PYTHONPATH"]])
    environ = {**ENVIRON, "PYTHONPATH": paths, "MARKER": str(marker), "REDIS_URL": "redis://localhost:1"}
    environ |= {"XDG_RUNTIME_DIR": str(folder / "run")}
    with subprocess.Popen(command, env=environ, stdout=-1, stderr=subprocess.STDOUT, text=True) as process:
        try:
            wait_for(marker.exists, what="it imports")
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    return process.returncode, said


@pytest.mark.parametrize("program", ["resqd", "resqctl"])
def test_while_the_program_itself_is_imported(tmp_path: Path, program: str) -> None:
    """It ends by the signal, as a program that does nothing special, without a word."""
    (tmp_path / "click.py").write_text(SLOW)
    run = f"from resqd.__main__ import {program}; {program}()"
    assert interrupt([sys.executable, "-c", run, "version"], folder=tmp_path) == (-signal.SIGINT, "")


def test_python_m_is_no_different(tmp_path: Path) -> None:
    """`python -m resqd` takes the same first steps."""
    (tmp_path / "click.py").write_text(SLOW)
    assert interrupt([sys.executable, "-m", "resqd", "version"], folder=tmp_path) == (-signal.SIGINT, "")


def test_while_the_application_is_imported(tmp_path: Path) -> None:
    """Nothing has been forked, so nothing needs to be ended: one word, and status 1."""
    (tmp_path / "slow.py").write_text(SLOW)
    status, said = interrupt([sys.executable, "-m", "resqd", "start", "--app", "slow:app"], folder=tmp_path)
    assert (status, "Traceback" in said, said.strip()) == (1, False, "Aborted!")
