"""Commands that are imported when somebody names them."""

import subprocess
import sys

import click
import pytest

from resqd.cli.lazy import Commands
from resqd.cli.resqd import main


def test_a_command_is_imported_once_it_is_named() -> None:
    """Its name is known before."""
    commands = Commands({"web": "resqd.cli.web_command:web", "gone": "resqd.cli.web_command:gone"})
    commands["own"] = click.Command("own")
    assert list(commands) == ["web", "gone", "own"]
    assert "web" in commands
    assert "other" not in commands
    assert commands["web"].name == "web"
    assert commands["web"] is commands["web"]
    del commands["own"]
    assert len(commands) == 2
    with pytest.raises(KeyError):
        commands["other"]


def test_each_place_is_right() -> None:
    """What is imported there has the name that people type."""
    assert {name: command.name for name, command in main.commands.items()} == {
        name: name for name in main.commands
    }


def test_a_command_needs_no_other() -> None:
    """A daemon carries nothing of those that look into Redis, and these nothing of a daemon."""
    for command, absent in (("start", "resqd.cli.web_command"), ("queues", "resqd.master.build")):
        code = (
            "import sys; from resqd.cli.resqd import main; "
            f"main.commands[{command!r}]; print({absent!r} in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
        )
        assert done.stdout == "False\n"
