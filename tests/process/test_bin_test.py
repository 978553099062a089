"""`bin/test`: all checks, or the tests of a path alone. The tools are stand-ins that say how they were called."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("ruff", "mypy", "lint-imports", "pytest")
SIDE_BY_SIDE = ("--numprocesses", "logical", "--maxprocesses", "4", "--dist", "worksteal")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which everything is installed."""
    shutil.copytree(ROOT / "bin", tmp_path / "bin")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for tool in ("python", *TOOLS):
        said = "exit 0" if tool == "python" else f'echo "{tool} $*"'
        (programs / tool).write_text(f"#!/bin/sh\n{said}\n")
        (programs / tool).chmod(0o755)
    with (tmp_path / "pyproject.toml").open("rb") as file:
        sum_of_it = subprocess.run(["cksum"], stdin=file, capture_output=True, text=True, check=True).stdout
    (tmp_path / ".venv" / ".installed-dev").write_text(sum_of_it)
    return tmp_path


def run(checkout: Path, *arguments: str) -> tuple[int, list[str]]:
    command = [str(checkout / "bin" / "test"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("flags", [(), ("-x",), ("-m", "unit"), ("-k", "no_path")], ids=str)
def test_without_a_path_all_checks_run(checkout: Path, flags: tuple[str, ...]) -> None:
    """Flags go to pytest, the last of them."""
    status, lines = run(checkout, *flags)
    assert status == 0
    assert [line.split()[0] for line in lines if not line.startswith("==")] == ["ruff", *TOOLS]
    assert lines[-2] == " ".join(["pytest", *SIDE_BY_SIDE, *flags])
    assert lines[-1] == "== All checks passed: lint format types floors tests"


@pytest.mark.parametrize(
    "arguments", [("tests/unit",), ("-x", "tests"), ("tests/unit::test_it", "-k", "log")], ids=str
)
def test_a_path_runs_pytest_alone_and_says_how_to_run_all(checkout: Path, arguments: tuple[str, ...]) -> None:
    """Whoever works on one file wants its tests at once."""
    status, lines = run(checkout, *arguments)
    assert (status, lines[0]) == (0, " ".join(["pytest", *arguments]))
    assert lines[1:] == ["== These tests only; all tests and all other checks: bin/test"]


@pytest.mark.parametrize("arguments", [(), ("tests",)], ids=str)
def test_a_failure_is_the_status(checkout: Path, arguments: tuple[str, ...]) -> None:
    """Of all checks as of the tests of a path."""
    (checkout / ".venv" / "bin" / "pytest").write_text("#!/bin/sh\nexit 3\n")
    assert run(checkout, *arguments)[0] == 3
