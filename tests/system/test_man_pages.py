"""The manual pages that the wheel holds."""

import shutil
import subprocess
from pathlib import Path

import pytest

from resqd.cli.manpage import files

MAN = Path(__file__).parents[2] / "resqd" / "man"


def test_the_pages_are_those_of_the_code() -> None:
    """Where this fails: .venv/bin/python -m resqd.cli.manpage resqd/man, and commit what it writes."""
    assert {page.name: page.read_text() for page in MAN.iterdir()} == files()


@pytest.mark.parametrize("name", ["resqd", "resqctl"])
def test_groff_finds_no_fault(name: str) -> None:
    """It warns of nothing, and shows what is in them."""
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("no groff on this machine")
    command = [groff, "-man", "-Tutf8", "-ww", str(MAN / f"{name}.1")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    assert "Show the version and exit." in done.stdout
