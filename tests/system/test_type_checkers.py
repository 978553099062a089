"""What mypy and pyright make of jobs as applications write them."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RIGHT = ROOT / "tests" / "support" / "typed_jobs.py"
WRONG = """
import resqd
from tests.support.typed_jobs import Archive, app, send

Archive.enqueue("7")
Archive.enqueue(7, brunch="main")
send.enqueue()
app.job(max_delivery=2)
app.enqueue(7)
resqd.testing.nothing
Archive.using(queues="low")
Archive.using(queue="low").enqueue("7")
Archive.s("7")
Archive.every([])
"""
FAULTS = list(range(5, 15))
"""The lines of it that a checker must refuse, and no others."""


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A module with slips that cost a failed job where no checker sees them."""
    path = tmp_path / "wrong_jobs.py"
    path.write_text(WRONG)
    return path


def _lines(command: list[str], folder: Path) -> str:
    environ = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=100, check=False
    )
    return done.stdout


def test_mypy_knows_what_a_job_takes(wrong: Path) -> None:
    """On functions and on classes, with options and without: what fits passes, and each slip is named."""
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-color-output"]
    cache = ["--cache-dir", str(ROOT / ".mypy_cache" / "samples")]
    said = _lines([*command, *cache, str(RIGHT), str(wrong)], wrong.parent)
    faults = [line.split(":") for line in said.splitlines() if ": error:" in line]
    assert [(Path(file).name, int(line)) for file, line, *_ in faults] == [
        (wrong.name, line) for line in FAULTS
    ], said


@pytest.mark.skipif(find_spec("basedpyright") is None, reason="pip install basedpyright, which brings node")
def test_pyright_knows_what_a_job_takes(wrong: Path) -> None:
    """The same."""
    config = {"extraPaths": [str(ROOT)], "typeCheckingMode": "standard", "include": [str(RIGHT), str(wrong)]}
    project = wrong.parent / "pyrightconfig.json"
    project.write_text(json.dumps(config))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--level", "error", "-p", str(project)]
    faults = json.loads(_lines(command, wrong.parent))["generalDiagnostics"]
    assert [(Path(fault["file"]).name, fault["range"]["start"]["line"] + 1) for fault in faults] == [
        (wrong.name, line) for line in FAULTS
    ], faults
