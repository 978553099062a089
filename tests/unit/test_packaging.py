"""What the package says of itself, and what a wheel would hold."""

import tomllib
from pathlib import Path

import resqd

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_file_of_the_package_goes_into_the_wheel() -> None:
    """Scripts, pages and manuals match a pattern: what matches none is missing only after an installation."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["resqd"]
    package = ROOT / "resqd"
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    others = {path for path in package.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert others - shipped == set()


def test_the_version_stands_in_one_place() -> None:
    """The package's own `__version__`, which the build reads; the newest entry of the list of changes is its."""
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "resqd.__version__"}
    changes = (ROOT / "resqd" / "CHANGELOG.md").read_text()
    assert changes.split("## ")[1].splitlines()[0] == resqd.__version__


def test_every_package_is_one() -> None:
    """A folder with modules has its `__init__.py`, or it would be left out of the wheel."""
    folders = {path.parent for path in (ROOT / "resqd").rglob("*.py")}
    assert {folder for folder in folders if not (folder / "__init__.py").exists()} == set()
