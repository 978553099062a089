"""Importing the application: what is wrong is said in one line, with the remedy."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from resqd.app import App
from resqd.cli.loading import load_app, refuse_empty
from resqd.errors import AppLoadError

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module that can be imported, and gives its name, which no other test uses."""
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"application_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_")

    def to(source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return to


def refusal(application: str) -> str:
    with pytest.raises(AppLoadError) as caught:
        load_app(application)
    return str(caught.value)


def test_an_app_is_found_also_inside_of_something(write: Write) -> None:
    """MODULE:ATTR may name a nested attribute."""
    name = write("import resqd\nclass Config:\n    app = resqd.App()\n")
    assert isinstance(load_app(f"{name}:Config.app"), App)


def test_a_missing_module_is_named_without_a_traceback() -> None:
    """The line says where it was looked for."""
    assert "there is no module no_such_module in /" in refusal("no_such_module:app")
    assert "there is no module no_such_package in /" in refusal("no_such_package.jobs:app")


def test_an_error_of_the_module_is_told_with_its_place(write: Write) -> None:
    """A module that it imports in vain, or any other error, with the file and line of the fault."""
    name = write("import resqd\nimport not_installed_here\n")
    said = refusal(f"{name}:app")
    assert "No module named 'not_installed_here'" in said
    assert said.endswith(f"{name}.py:2)")
    assert "called sys.exit(3)" in refusal(f"{write('raise SystemExit(3)')}:app")


def test_a_wrong_attribute_is_answered_with_the_right_one(write: Write) -> None:
    """The module's own Apps are offered; where there is none, that is said."""
    name = write("import resqd\njobs = resqd.App()\n")
    assert refusal(f"{name}:app").endswith(f"has no attribute 'app': give --app {name}:jobs")
    assert "has a module, not an App, as 'resqd'" in refusal(f"{name}:resqd")
    assert "it holds no App at all" in refusal(f"{write('x = 1')}:app")


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started in a folder that was deleted since, as a release is: what is wrong is said, without a traceback."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(
        AppLoadError, match="no module nowhere in the folder that this was started in, which is gone"
    ):
        load_app("nowhere:app")


APP = "import resqd\napp = resqd.App()\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("\ndef broken(:\n", "SyntaxError: invalid syntax (FILE:4)"),
        ("\x00", "null bytes"),
        (
            "\n@app.job\nasync def work(): yield\n",
            "JobDefinitionError: work is a generator; calling it as a job would do nothing (FILE:4)",
        ),
        ("\n@app.job(queue='a,b')\ndef work(): ...\n", "which QUEUES reads as the end of a name (FILE:4)"),
        ("\napp.job(max_delivery=2)\n", "did you mean max_deliveries? (FILE:4)"),
        ("\napp = resqd.App(modules='jobs')\n", "not 'jobs' (FILE:4)"),
        ("app.discover('no_such_shop')", "there is no module no_such_shop on Python's path"),
    ],
)  # fmt: skip
def test_a_fault_is_placed_in_the_application(write: Write, source: str, said: str, tmp_path: Path) -> None:
    """A syntax error is not importlib's, and a job that cannot be is not resqd's: the line is the user's own."""
    name = write(APP + source)
    assert said.replace("FILE", str(tmp_path / f"{name}.py")) in refusal(name)


def test_a_fault_in_a_named_module_is_placed_there(write: Write, tmp_path: Path) -> None:
    """As if it were the application's own."""
    name = write("import resqd\napp = resqd.App(modules=[__name__ + '_jobs'])")
    (tmp_path / f"{name}_jobs.py").write_text("\n1 / 0\n")
    assert refusal(name) == (
        f"cannot import {name}_jobs: ZeroDivisionError: division by zero ({tmp_path / name}_jobs.py:2)"
    )


def test_an_application_without_a_job_is_refused_with_what_was_looked_at(
    write: Write, tmp_path: Path
) -> None:
    """Its daemon would fail each job that it took."""
    name = write("import resqd\napp = resqd.App(modules=[__name__ + '_jobs'])")
    (tmp_path / f"{name}_jobs.py").write_text("")
    app = load_app(name)
    with pytest.raises(AppLoadError) as caught:
        refuse_empty(app, f"{name}:app")
    file = tmp_path / name
    assert str(caught.value).startswith(
        f"{name}:app has no job; looked at {name} ({file}.py), {name}_jobs ({file}_jobs.py): write `@app.job` above"
    )
    app.job(name="Now")(refusal)
    refuse_empty(app, f"{name}:app")


def test_the_chain_of_imports_is_told_at_debug(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    """The line names the place; the log of VVERBOSE has the way there."""
    caplog.set_level("DEBUG", logger="resqd")
    name = write("def deep():\n    1 / 0\ndeep()\n")
    refusal(name)
    [record] = caplog.records
    assert f"{name} cannot be imported" in record.getMessage()
    assert record.exc_info
    assert "in deep" in caplog.text
