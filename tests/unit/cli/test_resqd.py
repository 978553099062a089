"""The resqd command's own words and exit statuses, where no Redis is needed."""

import json
from pathlib import Path

import pytest
from click import Group
from click.testing import CliRunner, Result

from resqd import __version__
from resqd.cli.failed_commands import _POSITION, failed
from resqd.cli.program import exit_status, one_line
from resqd.cli.resqctl import main as resqctl
from resqd.cli.resqd import main
from resqd.errors import AppLoadError, ResqdError, SettingsError, StoreRefused, StoreUnavailable


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_each_kind_of_error_has_its_exit_status() -> None:
    """Scripts can tell a job that is not there from a Redis that is not there from settings that are wrong."""
    told = {SettingsError(["a"]): 78, AppLoadError("b"): 78, StoreUnavailable("c"): 3, StoreRefused("d"): 3}
    assert {error: exit_status(error) for error in told} == told
    assert exit_status(ResqdError("e")) == 1


def test_text_from_elsewhere_is_one_harmless_line() -> None:
    """Control characters, line ends and bytes that are not UTF-8 are written as escapes."""
    assert one_line("a\x1b[31m\n\udcff\u202e é") == "a\\x1b[31m\\n\\udcff\\u202e é"


def test_the_version_is_said_in_both_forms() -> None:
    """`resqd version` says what `resqd --version` says, and --json gives it to scripts."""
    assert run("version").output.startswith(f"resqd {__version__}, python 3.")
    assert json.loads(run("version", "--json").output)["resqd"] == __version__


@pytest.mark.parametrize("program", [main, resqctl, failed], ids=["resqd", "resqctl", "failed"])
def test_the_help_cuts_no_sentence(program: Group) -> None:
    """On a terminal of any width the list of commands says the whole of each first sentence."""
    for width in (40, 80, 200):
        shown = CliRunner().invoke(program, ["--help"], terminal_width=width).output
        listed = " ".join(shown.partition("Commands:")[2].split())
        assert "..." not in listed
        for name, command in program.commands.items():
            assert f"{name} {' '.join((command.help or '').partition(chr(10) * 2)[0].split())}" in listed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_completion_script(shell: str) -> None:
    """The script for a shell calls resqd back by the variable that it waits for."""
    assert "_RESQD_COMPLETE" in run("completion", shell).output


def test_an_argument_that_is_not_json_is_named_with_the_remedy() -> None:
    """Nothing is enqueued; the line says which argument, and how a string is written."""
    result = run("enqueue", "Mail", "1", "bob@example.com", "--redis-url", "redis://localhost:1")
    assert result.exit_code == 2
    assert "argument 2, bob@example.com, is not JSON" in result.stderr


@pytest.mark.parametrize("json_flag", [[], ["--json"]])
def test_wrong_settings_end_with_78_and_without_the_url(json_flag: list[str]) -> None:
    """A URL that cannot be is not repeated, since it may hold a password; --json tells the same."""
    result = run("queues", "--redis-url", "http://user:secret@host", *json_flag)
    assert result.exit_code == 78
    assert result.stderr.startswith("resqd: REDIS_URL (--redis-url): give redis://")
    assert "secret" not in result.output
    if json_flag:
        assert json.loads(result.stdout)["ok"] is False


def test_a_redis_that_is_down_is_one_line_and_3() -> None:
    """There is no traceback, and the status tells it from a command that was refused."""
    result = run("failed", "list", "--redis-url", "redis://localhost:1")
    assert (result.exit_code, len(result.stderr.splitlines())) == (3, 1)


def test_failures_are_chosen_in_one_way_only() -> None:
    """Neither nothing nor names together with --all is taken for a choice."""
    assert run("failed", "requeue").exit_code == 2
    assert run("failed", "requeue", "0", "--all").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["failed", "requeue", ""],
        ["failed", "remove", "0", " "],
        ["failed", "show", ""],
        ["failed", "requeue", "--queue", ""],
        ["failed", "remove", "--queue", ""],
        ["failed", "list", "--queue", ""],
        ["failed", "list", "--class", ""],
        ["peek", ""],
        ["enqueue", ""],
        ["enqueue", "Mail", "--queue", ""],
    ],
)
def test_an_empty_name_is_refused(arguments: list[str]) -> None:
    """It comes from a script's unset variable, and neither means all nor what has no name."""
    result = run(*arguments, "--redis-url", "redis://localhost:1")
    assert (result.exit_code, "it is empty" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "position"),
    [("7", (None, 7)), ("-1", (None, -1)), ("a:b_failed:3", ("a:b_failed", 3)), ("0f" * 16, None)],
)
def test_positions_are_told_from_ids(text: str, position: tuple[str | None, int] | None) -> None:
    """A short number is a position, in a list of its own where that is named; an id is anything else."""
    match = _POSITION.fullmatch(text)
    assert (match and (match["list"], int(match["index"]))) == position


def test_check_counts_the_jobs_and_refuses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that deploys stops there: 1 where there is no job, and 78 where the application cannot be imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"checked_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text("import resqd\napp = resqd.App()\n@app.job\ndef work(): ...\n")
    (tmp_path / f"{name}_empty.py").write_text("import resqd\napp = resqd.App()\n")
    (tmp_path / f"{name}_broken.py").write_text("def\n")
    assert run("check", "--app", f"{name}:app").output == f"{name}:app: 1 jobs\n"
    told = run("check", "--app", f"{name}:app", "--json").output
    assert json.loads(told) == {"app": f"{name}:app", "jobs": 1}
    empty = run("check", "--app", f"{name}_empty:app")
    assert (empty.exit_code, "has no job; looked at" in empty.stderr) == (1, True)
    broken = run("check", "--app", f"{name}_broken:app")
    assert (broken.exit_code, f"{name}_broken.py:1)" in broken.stderr) == (78, True)
