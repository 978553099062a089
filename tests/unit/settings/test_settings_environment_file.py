"""systemd/resqd.env: complete, and true about the defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from resqd.settings import OPTIONS, Settings

FILE = Path(__file__).parents[3] / "systemd" / "resqd.env"
OTHERS = {"VERBOSE", "VVERBOSE", "PYTHONPATH"}
EXAMPLES = {"RESQD_APP", "REDIS_URL", "PYTHONPATH"}


def entries() -> dict[str, str]:
    return dict(re.findall(r"^#([A-Z_]+)=(.*)$", FILE.read_text(), re.MULTILINE))


def test_every_setting_is_explained() -> None:
    """Each variable that resqd reads has its line, and no other is mentioned."""
    known = {name for option in OPTIONS for name in (option.variable, *option.aliases)} | OTHERS
    assert set(entries()) == known


def test_file_as_it_is_changes_nothing() -> None:
    """Nothing is set before the operator sets it: every line is a comment or empty."""
    assert [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")] == []


@pytest.mark.parametrize("variable", sorted(set(entries()) - EXAMPLES))
def test_value_shown_is_the_default(variable: str) -> None:
    """Taking the # away from a line that is no example leaves the setting as it was."""
    assert Settings.load({variable: entries()[variable]}) == Settings.load({})
