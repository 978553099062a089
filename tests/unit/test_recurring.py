"""Declaring that a job recurs: right entries, and errors where they are written."""

import subprocess
import sys
from typing import Any

import pytest

import resqd
from resqd.application.parts import parts_of
from resqd.cron.entry import Entry
from resqd.cron.schedule import Cron, Every
from resqd.errors import JobDefinitionError, PayloadError, UnknownJob


def app_with_job() -> tuple[resqd.App, resqd.Job[..., Any]]:
    app = resqd.App(redis_url="redis://localhost:1", name="shop")

    @app.job(queue="low", name="clean")
    def clean(days: int = 7) -> None: ...

    return app, clean


def test_a_job_is_entered_by_an_expression_and_by_a_period() -> None:
    """With the arguments by position, the job's queue, and names that tell them apart."""
    app, clean = app_with_job()
    app.cron("0 3 * * *", "clean", tz="Europe/Berlin", misfire="all")
    clean.every("15m", offset="1m", args=[3], name="often", queue="high")
    first, second = entries(app)
    assert (first.name, first.schedule, first.queue, first.args, first.misfire) == (
        "clean",
        Cron("0 3 * * *", "Europe/Berlin"),
        "low",
        (),
        "all",
    )
    assert (second.name, second.schedule, second.queue, second.args) == (
        "often",
        Every(900, 60),
        "high",
        (3,),
    )


def entries(app: resqd.App) -> list[Entry]:
    return list(parts_of(app).producer.timetable or ())


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"expression": "0 25 * * *"}, JobDefinitionError, "cron.'0 25 . . .'. for clean: .*bad hour"),
        ({"tz": "Mars/Base"}, JobDefinitionError, "there is no time zone 'Mars/Base'"),
        ({"misfire": "twice"}, JobDefinitionError, "misfire is 'twice'; it takes"),
        ({"name": " "}, JobDefinitionError, "name is blank"),
        ({"args": [1, 2]}, TypeError, "cannot be called with"),
        ({"args": "12"}, JobDefinitionError, "it takes a list or a tuple"),
        ({"retries": 3}, JobDefinitionError, "there is no option retries"),
        ({"args": [object()]}, PayloadError, "cannot be written as JSON"),
        ({"job": "unknown"}, UnknownJob, "unknown"),
    ],
)
def test_what_is_wrong_is_said_at_once(options: dict[str, Any], error: type[Exception], said: str) -> None:
    """When the module is imported, not in the night."""
    app, _ = app_with_job()
    given = {"expression": "0 3 * * *", "job": "clean", **options}
    with pytest.raises(error, match=said):
        app.cron(given.pop("expression"), given.pop("job"), **given)
    assert entries(app) == []


def test_a_period_that_cannot_be_is_refused() -> None:
    """Naming the job."""
    _, clean = app_with_job()
    with pytest.raises(JobDefinitionError, match=r"every\('soon'\) for clean: 'soon' is no duration"):
        clean.every("soon")


def test_a_release_without_an_order_is_refused() -> None:
    """At the App, before anything can go wrong."""
    with pytest.raises(JobDefinitionError, match="release is 'abc'; give a number"):
        resqd.App(release="abc")


def test_who_has_no_cron_does_not_import_it() -> None:
    """Nor who only says `every`, as to cronsim and time zones."""
    code = """
import sys, resqd
app = resqd.App()
@app.job
def clean(): ...
assert not {"resqd.recurring", "cronsim", "zoneinfo"} & set(sys.modules)
clean.every("15m")
assert not {"cronsim", "zoneinfo"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
