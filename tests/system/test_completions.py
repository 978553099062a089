"""The files by which shells complete both programs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from resqd.cli.completions import files

FOLDER = Path(__file__).parents[2] / "resqd" / "completion"


def test_the_files_are_those_of_the_code() -> None:
    """Where this fails: .venv/bin/python -m resqd.cli.completions resqd/completion, and commit what it writes."""
    found = {str(path.relative_to(FOLDER)): path.read_text() for path in FOLDER.rglob("*") if path.is_file()}
    assert found == files()


@pytest.mark.parametrize(
    ("name", "words", "offered"), [("resqd", "failed li", "list"), ("resqctl", "dra", "drain")]
)
def test_bash_completes(name: str, words: str, offered: str) -> None:
    """With the file alone, which asks the program."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash on this machine")
    typed = f"{name} {words}".split()
    code = (
        f"source {FOLDER}/bash/{name}; COMP_WORDS=({' '.join(typed)}); COMP_CWORD={len(typed) - 1};"
        f" _{name}_completion {name}; echo offered ${{COMPREPLY[@]}}"
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [bash, "-c", code],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == f"offered {offered}\n", done.stderr
