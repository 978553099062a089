"""The READMEs say what the code does."""

import re
from pathlib import Path

import pytest

from resqd.cli.failed_commands import failed
from resqd.cli.queue_commands import queues
from resqd.cli.resqctl import main as resqctl
from resqd.cli.resqd import main as resqd
from resqd.settings import OPTIONS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
MAP = ROOT / "resqd" / "README.md"
MANUAL = sorted((ROOT / "resqd" / "manual").glob("*.md"))
SETTINGS = ROOT / "resqd" / "manual" / "settings.md"
READMES = [README, MAP, *MANUAL, ROOT / "tests" / "README.md", ROOT / "tests" / "bench" / "README.md"]


def test_the_table_of_settings_is_the_codes_own() -> None:
    """Every setting stands in the manual with its flag, its default and its meaning, in the code's order."""
    rows = [
        f"| `{option.variable}` | `{option.flag}` | {option.default or '-'} | {option.help} |"
        for option in OPTIONS
    ]
    lines = [line for line in SETTINGS.read_text().splitlines() if line.startswith("| `")]
    assert [line for line in lines if line in rows] == rows, "\n".join(rows)


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_merge_was_left_half_done(path: Path) -> None:
    """A conflict's marks are never what a manual says, and no line stands there twice by a merge of both sides."""
    marks = ("<<<<<<< ", "=======", ">>>>>>> ")
    lines = path.read_text().splitlines()
    assert [line for line in lines if line.startswith(marks)] == []
    long = [line for line in lines if len(line) > 60]
    assert [line for line in long if long.count(line) > 1] == []


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """To files of the checkout, seen from where the README is."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    assert links or path in MANUAL
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_map_names_rooms_that_exist() -> None:
    """Each `folder/module` is there."""
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]*)`", MAP.read_text())) - {"redis/"}
    missing = {
        room
        for room in named
        if not (MAP.parent / room).is_dir() and not (MAP.parent / f"{room}.py").exists()
    }
    assert missing == set()


def test_every_room_of_the_first_floor_is_on_the_map() -> None:
    """So that a newcomer finds what each is for."""
    table = MAP.read_text().partition("## The rooms")[2].partition("## ")[0]
    rooms = {path.stem for path in MAP.parent.glob("*.py")} - {"__init__", "__main__"}
    rooms |= {f"{path.parent.name}/" for path in MAP.parent.glob("*/__init__.py")} - {"store/"}
    assert {room for room in rooms if f"`{room}`" not in table} == set()


def test_every_command_stands_in_the_readme() -> None:
    """The manual names each command of both programs."""
    text = README.read_text()
    missing = [name for name in resqctl.commands if f"`{name}" not in text and f"resqctl {name}" not in text]
    missing += [name for name in resqd.commands if f"resqd {name}" not in text]
    missing += [name for name in failed.commands if f"resqd failed {name}" not in text]
    missing += [name for name in queues.commands if f"queues {name}" not in text]
    assert missing == []
