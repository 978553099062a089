"""Names of nothing but blanks: of jobs, queues and daemons."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from resqd.app import App
from resqd.cli.resqctl import main as resqctl
from resqd.cli.resqd import main as resqd
from resqd.errors import JobDefinitionError, PayloadError

BLANKS = ["", " ", "\t\n"]


def work() -> None:
    """A job's code."""


class Mailing:
    queue = ""

    @staticmethod
    def perform() -> None:
        pass


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("what", ["name", "queue"])
def test_a_job_with_a_blank_name_or_queue_is_refused(what: str, blank: str) -> None:
    """At registration: no worker could be told to serve it."""
    given: dict[str, Any] = {what: blank}
    with pytest.raises(JobDefinitionError, match=f"is no {what} for a job"):
        App().job(**given)(work)


def test_a_class_with_a_blank_queue_is_refused() -> None:
    """Its attribute is its queue, as the option is."""
    with pytest.raises(JobDefinitionError, match="'' is no queue"):
        App().job(Mailing)


@pytest.mark.parametrize("blank", BLANKS)
def test_nothing_is_pushed_to_a_blank_queue_or_for_a_blank_job(blank: str) -> None:
    """It would be found by nobody. No server is asked: there is none at this address."""
    app = App("redis://localhost:1/0")
    job = app.job(work)
    pushes: list[Callable[[], object]] = [
        lambda: app.enqueue_to(blank, job),
        lambda: job.enqueue_to(blank),
        lambda: app.push(blank, b"{}"),
        lambda: app.enqueue_to("q", blank),
    ]
    for push in pushes:
        with pytest.raises(PayloadError, match="cannot be blank"):
            push()


@pytest.mark.parametrize("blank", BLANKS)
def test_commands_refuse_blank_names(blank: str) -> None:
    """With status 2, and before anything is opened."""
    for program, arguments in (
        (resqctl, ["--name", blank, "ping"]),
        (resqd, ["enqueue", blank]),
        (resqd, ["enqueue", "Job", "--queue", blank]),
    ):
        done = CliRunner().invoke(program, arguments)
        assert (done.exit_code, "give" in done.output) == (2, True), done.output


def test_a_blank_variable_names_the_usual_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As for `resqd start`, where it counts as not set. A daemon of that name may run on this machine."""
    monkeypatch.setenv("RESQD_NAME", " ")
    monkeypatch.setattr("resqd.cli.resqctl.candidates", lambda name, _environ: [tmp_path / name])
    assert str(tmp_path / "resqd") in CliRunner().invoke(resqctl, ["ping"]).output
