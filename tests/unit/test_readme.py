"""The README says what the code does."""

from pathlib import Path

from resqd.cli.failed_commands import failed
from resqd.cli.resqctl import main as resqctl
from resqd.cli.resqd import main as resqd
from resqd.settings import OPTIONS

README = Path(__file__).parents[2] / "README.md"


def test_the_table_of_settings_is_the_codes_own() -> None:
    """Every setting stands in the README with its flag, its default and its meaning, in the code's order."""
    rows = [
        f"| `{option.variable}` | `{option.flag}` | {option.default or '-'} | {option.help} |"
        for option in OPTIONS
    ]
    lines = [line for line in README.read_text().splitlines() if line.startswith("| `")]
    assert [line for line in lines if line in rows] == rows, "\n".join(rows)


def test_no_merge_was_left_half_done() -> None:
    """A conflict's marks are never what the manual says."""
    marks = ("<<<<<<< ", "=======", ">>>>>>> ")
    assert [line for line in README.read_text().splitlines() if line.startswith(marks)] == []


def test_every_command_stands_in_the_readme() -> None:
    """The manual names each command of both programs."""
    text = README.read_text()
    missing = [name for name in resqctl.commands if f"`{name}" not in text and f"resqctl {name}" not in text]
    missing += [name for name in resqd.commands if f"resqd {name}" not in text]
    missing += [name for name in failed.commands if f"resqd failed {name}" not in text]
    assert missing == []
