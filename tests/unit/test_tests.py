"""A module's unit tests are found by its path."""

from pathlib import Path

UNIT = Path(__file__).parent
PACKAGE = UNIT.parents[1] / "resqd"
OTHERS = {"test_manual.py", "test_packaging.py", "test_readme.py", "test_tests.py"}
"""Tests of what is no module."""
OPEN: set[str] = set()
"""Folders with tests that still stand elsewhere than their modules; none in the end."""


def has_module(test: Path) -> bool:
    """test_plan.py and test_plan_properties.py beside the module plan.py."""
    folder = test.parent.relative_to(UNIT)
    home = UNIT.parent / "bench" if folder == Path("bench") else PACKAGE / folder
    tested = test.stem.removeprefix("test_")
    return any(
        tested == module.stem or tested.startswith(f"{module.stem}_")
        for module in home.glob("*.py")
        if module.stem != "__init__"
    )


def test_unit_tests_mirror_modules() -> None:
    """tests/unit/FOLDER/test_MODULE.py, with an aspect behind the module's name where there are several."""
    strays = {
        str(test.relative_to(UNIT))
        for test in UNIT.rglob("test_*.py")
        if test.name not in OTHERS and not has_module(test)
    }
    assert {stray for stray in strays if stray.partition("/")[0] not in OPEN} == set()
